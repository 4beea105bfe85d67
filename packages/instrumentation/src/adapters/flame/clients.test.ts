import { InterceptingCall, Metadata, type InterceptorOptions, type NextCall } from '@grpc/grpc-js';
import { afterEach, expect, test } from 'vitest';
import { called, realFlame, startFlameWorld, type FlameTask, type FlameWorld } from '../../testing/flame.ts';

let world: FlameWorld;
afterEach(() => world[Symbol.asyncDispose]());

test.each([false, true])('a client’s methods are found by who goes through it (observed: %s)', async (isObserved) => {
  world = await startFlameWorld({ isObserved });
  const { client } = world;
  const found: string[] = [];
  for (const name in client) if (typeof Reflect.get(client, name) === 'function') found.push(name);
  expect(found).toEqual(expect.arrayContaining(['CreateTask', 'createTask', 'WatchTask', 'CloseSession']));
  expect(found).not.toContain('makeUnaryRequest');
  world.observation?.stop();
  expect(Object.keys(client)).toEqual([]);
});

test.skipIf(realFlame).each([false, true])(
  'interceptors find what the caller keeps on its metadata (observed: %s)',
  async (isObserved) => {
    world = await startFlameWorld({ isObserved });
    await world.open('conv-42');
    const found: unknown[] = [];
    const intercept = (options: InterceptorOptions, next: NextCall): InterceptingCall =>
      new InterceptingCall(next(options), {
        start(metadata, listener, proceed) {
          found.push(metadata.getOpaque('tenant'), metadata.get('x-mine'), metadata.getOptions());
          proceed(metadata, listener);
        },
      });
    const metadata = new Metadata({ waitForReady: true });
    metadata.set('x-mine', 'yes');
    metadata.setOpaque('tenant', 'acme');
    const request = { task: { session_id: 'conv-42', input: Buffer.from('hello') } };
    await called<FlameTask>((reply) =>
      world.client.CreateTask(request, metadata, { interceptors: [intercept] }, reply),
    );
    expect(found).toEqual(['acme', ['yes'], { waitForReady: true }]);
  },
);
