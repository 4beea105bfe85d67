import { context, ROOT_CONTEXT } from '@opentelemetry/api';
import { openPi } from '@turnkeeper/model-server/pi';
import '@turnkeeper/check/vitest';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { observe } from '../../observe.ts';
import type { RunInfo } from '../../record/events.ts';
import { withSession } from '../../session/active-session.ts';
import { startPiWorld, type PiWorld } from '../../testing/pi.ts';
import { pi } from './index.ts';

let world: PiWorld;
beforeEach(async () => {
  world = await startPiWorld();
});
afterEach(() => world[Symbol.asyncDispose]());

describe('observing', () => {
  test('twice is observing once, and a session given later counts from the next run on', async () => {
    const { session, observation } = await world.open();
    await session.prompt('hello');
    expect(observe(pi, session, { session: 'conv-42' })).toBe(observation);
    await session.prompt('again');
    const { capture } = world.tracing;
    expect(capture.index.runs.map((run) => run.session)).toEqual(['pi-own', 'conv-42']);
    expect(capture.spans).toHaveLength(4);
  });

  test('tells the metadata of each run, the same as on its span', async () => {
    const told: RunInfo[] = [];
    const { session, observation } = await world.open({}, { onRunStart: (run) => told.push(run) });
    await withSession({ sessionId: 'conv-43', previousId: 'conv-42' }, () => session.prompt('hello'));
    const { root } = world.tracing.capture.index.runs[0]!;
    expect(observation.runs()).toEqual([
      {
        session: { id: 'conv-43', source: 'context', previousId: 'conv-42' },
        engine: { name: 'pi', sessionId: 'pi-own' },
        turn: 1,
        traceId: root.traceId,
        spanId: root.spanId,
      },
    ]);
    expect(told).toEqual(observation.runs());
    expect(root.attributes['session.previous_id']).toBe('conv-42');
  });

  test('stops: hooks are gone, and what Pi has is as it was', async () => {
    const running = await openPi({ url: world.server.url });
    await using _home = running;
    const { session } = running;
    const own = (): object[] => [session, session.agent].map((object) => Object.getOwnPropertyDescriptors(object));
    const before = own();
    const { prompt } = session;
    const observation = observe(pi, session);
    expect(session.prompt).not.toBe(prompt);
    observation.stop();
    expect(session.prompt).toBe(prompt);
    expect(own()).toEqual(before);
    await session.prompt('hello');
    expect(world.tracing.capture.spans).toEqual([]);
  });

  test('hears all that Pi says, also where a listener before it leaves in the middle', async () => {
    await using running = await openPi({ url: world.server.url });
    const { session } = running;
    const leave = session.subscribe((event) => {
      if (event.type === 'message_end' && event.message.role === 'assistant') leave();
    });
    observe(pi, session);
    await session.prompt('#bad');
    expect(world.tracing.capture.index.runs[0]?.root.status).toBe('error');
  });

  test('stops in the middle of a run: what is open is closed as abandoned, and the run goes on', async () => {
    const { session, observation } = await world.open();
    const prompt = session.prompt('#slow');
    await expect.poll(() => world.server.requests.length).toBe(1);
    observation.stop();
    await prompt;
    expect(session.getLastAssistantText()).toBe('slow');
    expect(world.tracing.capture.tree()).toMatchInlineSnapshot(`
      "invoke_agent pi [session pi-own] run.start (error abandoned)
        chat test-model (error abandoned)"
    `);
  });

  test('does nothing where tracing is suppressed', async () => {
    const { suppressTracing } = await import('@opentelemetry/core');
    const { session } = await world.open();
    await context.with(suppressTracing(ROOT_CONTEXT), () => session.prompt('#weather'));
    expect(world.tracing.capture.spans).toEqual([]);
    await session.prompt('hello');
    expect(world.tracing.capture).toHaveSession('pi-own', { turns: 1 });
  });

  test('a throwing onRunStart and a throwing exporter do not reach the run', async () => {
    const throwing = {
      onStart: () => {
        throw new Error('processor');
      },
      onEnd: () => {
        throw new Error('exporter');
      },
      forceFlush: () => Promise.resolve(),
      shutdown: () => Promise.resolve(),
    };
    await world[Symbol.asyncDispose]();
    world = await startPiWorld({ processors: [throwing] });
    const onRunStart = (): never => {
      throw new Error('hook');
    };
    const { session } = await world.open({}, { onRunStart });
    await session.prompt('hello');
    expect(session.getLastAssistantText()).toBe('echo: hello');
    expect(world.tracing.diagnostics.length).toBeGreaterThan(0);
  });
});
