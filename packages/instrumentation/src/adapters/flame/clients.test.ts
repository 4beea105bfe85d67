import { promisify } from 'node:util';
import '@turnkeeper/check/vitest';
import { InterceptingCall, Metadata, type InterceptorOptions, type NextCall } from '@grpc/grpc-js';
import { afterEach, expect, test } from 'vitest';
import { withSession } from '../../session/active-session.ts';
import { called, realFlame, startFlameWorld, type FlameTask, type FlameWorld } from '../../testing/flame.ts';

let world: FlameWorld;
afterEach(() => world[Symbol.asyncDispose]());

test.each([false, true])('promises are made of all methods of a client (observed: %s)', async (isObserved) => {
  world = await startFlameWorld({ isObserved });
  const { client, tracing } = world;
  const promised = new Map<string, (request: object) => Promise<unknown>>();
  for (const name in client) {
    const method: unknown = Reflect.get(client, name);
    if (typeof method === 'function') promised.set(name, promisify(method.bind(client)));
  }
  expect([...promised.keys()]).toEqual(
    expect.arrayContaining(['CreateTask', 'createTask', 'WatchTask', 'CloseSession']),
  );
  const session = `conv-${process.pid}-${isObserved}`;
  await world.open(session);
  await promised.get('CreateTask')?.({ task: { session_id: session, input: Buffer.from('hello') } });
  await promised.get('closeSession')?.({ session_id: session });
  expect(tracing.capture.index.runs.map((run) => run.session)).toEqual(isObserved ? [session] : []);
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

test('a task that is created in the callback of another is the next turn of its session', async () => {
  world = await startFlameWorld();
  const { client, tracing } = world;
  await world.open('conv-42');
  const request = { task: { session_id: 'conv-42', input: Buffer.from('hello') } };
  const tasks = await new Promise<readonly FlameTask[]>((resolve) => {
    client.CreateTask(request, (_error, first) =>
      client.CreateTask(request, (_failure, second) => resolve([first!, second!])),
    );
  });
  for (const task of tasks) await world.watch(task);
  expect(tracing.capture).toHaveSession('conv-42', { turns: 2 });
  expect(tracing.capture).toPassChecks();
});

test('a task that is created when the watch of another ends is its own conversation’s, whoever has connected', async () => {
  world = await startFlameWorld();
  const { client, tracing } = world;
  await withSession('conv-7', () => world.open('own-7'));
  await withSession('conv-42', () => world.open('own-42'));
  const create = (): Promise<FlameTask> => world.create('own-42', '#slow');
  const { metadata } = await withSession('conv-42', create);
  const stream = withSession('conv-42', () =>
    client.WatchTask({ session_id: 'own-42', task_id: metadata.id }).on('data', () => {}),
  );
  const next = await new Promise<FlameTask>((resolve, reject) => {
    stream.on('end', () => void create().then(resolve, reject));
  });
  await world.watch(next);
  expect(tracing.capture).toHaveSession('conv-42', { turns: 2 });
  expect(tracing.capture).toPassChecks();
});

test.each([
  ['an interceptor', { interceptors: [refuse] }, 'not now'],
  ['a client that is closed', {}, 'Channel has been shut down'],
])('a task that %s refuses is over when the call throws', async (_who, options, message) => {
  world = await startFlameWorld();
  const { client, tracing } = world;
  await world.open('conv-42');
  client.close();
  const request = { task: { session_id: 'conv-42', input: Buffer.from('hello') } };
  expect(() => client.CreateTask(request, new Metadata(), options, refuse)).toThrow(message);
  expect(tracing.capture.tree()).toBe('invoke_agent echo [session conv-42] run.start (error UNKNOWN)');
});

function refuse(): never {
  throw new RangeError('not now');
}
