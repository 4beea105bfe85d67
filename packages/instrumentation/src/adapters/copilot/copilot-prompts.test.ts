import { setTimeout as wait } from 'node:timers/promises';
import '@turnkeeper/check/vitest';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { currentSession, withSession } from '../../session/active-session.ts';
import { startCopilotWorld, until, weather, type CopilotWorld } from '../../testing/copilot.ts';

// Real processes, which share the machine with other tests.
vi.setConfig({ testTimeout: 30_000 });

let world: CopilotWorld;
beforeEach(async () => {
  world = await startCopilotWorld();
});
afterEach(() => world[Symbol.asyncDispose]());

describe('a prompt', () => {
  test('queued behind another is a turn of its own, in its own caller’s session', async () => {
    const { client, config } = await world.open();
    const session = await client.createSession({ ...config, sessionId: 'own-1' });
    const idle = new Promise<void>((resolve) => session.on('session.idle', () => resolve()));
    await withSession('conv-1', () => session.send('#slow one'));
    await withSession('conv-2', () => session.send('#weather'));
    await idle;
    const { capture } = world.tracing;
    expect(capture).toHaveSession('conv-1', { turns: 1 });
    expect(capture).toHaveSession('conv-2', { turns: 1 });
    expect(capture).toPassChecks();
    expect(capture.tree()).toMatchInlineSnapshot(`
      "invoke_agent copilot [session conv-1] run.start
        chat test-model
      invoke_agent copilot [session conv-2] run.start
        chat test-model
        execute_tool weather
          SELECT weather
        chat test-model"
    `);
  });

  test('that steers is part of the turn it steers', async () => {
    const steering = {
      ...weather,
      handler: async () => void (await session.send({ prompt: 'rather this', mode: 'immediate' })),
    };
    const { client, config } = await world.open({ tools: [steering] });
    const session = await client.createSession({ ...config, sessionId: 'own-1' });
    await session.sendAndWait('#weather');
    const { capture } = world.tracing;
    expect(world.server.requests.at(-1)?.lastUserText).toContain('rather this');
    expect(capture).toHaveSession('own-1', { turns: 1 });
    expect(capture).toPassChecks();
  });

  test.each(['assistant.message', 'session.idle'] as const)(
    'sent by a listener of %s is the next turn, in the session of the turn that it hears',
    async (type) => {
      const { client, config } = await world.open();
      const session = await client.createSession({ ...config, sessionId: 'own-1' });
      const heard: unknown[] = [];
      session.on(type, () => {
        heard.push(currentSession()?.id);
        if (heard.length === 1) void session.send('next');
      });
      const idle = until(() => world.tracing.capture.index.runs.length === 2);
      await withSession('conv-42', () => session.send('hello'));
      await idle;
      expect(heard).toEqual(['conv-42', 'conv-42']);
      expect(world.tracing.capture).toHaveSession('conv-42', { turns: 2 });
      expect(world.tracing.capture).toPassChecks();
    },
  );

  test('sent by a tool is the next turn; one to another session stays inside the tool', async () => {
    const sending = {
      ...weather,
      handler: async () => {
        await session.send('queued');
        await other.sendAndWait('hello');
      },
    };
    const { client, config } = await world.open({ tools: [sending] });
    const session = await client.createSession({ ...config, sessionId: 'own-1' });
    const other = await client.createSession({ ...config, tools: [], sessionId: 'own-2' });
    await withSession('conv-42', () => session.sendAndWait('#weather'));
    await until(() => world.tracing.capture.index.runs.length === 3);
    expect(world.tracing.capture).toHaveSession('conv-42', { turns: 2 });
    expect(world.tracing.capture).toPassChecks();
    expect(world.tracing.capture.tree()).toMatchInlineSnapshot(`
      "invoke_agent copilot [session conv-42] run.start
        chat test-model
        execute_tool weather
          invoke_agent copilot run.start
            chat test-model
        chat test-model
      invoke_agent copilot [session conv-42] run.start -> previous turn
        chat test-model"
    `);
  });

  test('that waits for a permission is abandoned when it is given, and nothing more happens', async () => {
    const hanging = { ...weather, skipPermission: false, handler: () => new Promise<never>(() => {}) };
    const { client, config } = await world.open({ tools: [hanging] }, { idleTimeoutMillis: 3_000 });
    const onPermissionRequest = async () => {
      await wait(4_500);
      return { kind: 'approve-once' as const };
    };
    const session = await client.createSession({ ...config, sessionId: 'own-1', onPermissionRequest });
    const sent = performance.now();
    void session.send('#weather');
    await until(() => world.tracing.capture.index.runs.length === 1);
    expect(performance.now() - sent).toBeGreaterThan(4_500);
    expect(world.tracing.capture.index.runs[0]?.root.attributes['error.type']).toBe('abandoned');
  });

  test('whose session is deleted meanwhile is over', async () => {
    const { client, config } = await world.open();
    const session = await client.createSession({ ...config, sessionId: 'own-1' });
    const begun = new Promise<void>((resolve) => session.on('assistant.turn_start', () => resolve()));
    await withSession('conv-42', () => session.send('#slow'));
    await begun;
    await client.deleteSession('own-1');
    expect(world.tracing.capture.index.runs.map(({ root }) => root.attributes['error.type'])).toEqual(['disconnected']);
    expect(world.tracing.capture).toPassChecks();
  });

  test('that is not sent, as what somebody has put in the way throws at once, is over', async () => {
    const { client, config } = await world.open();
    const session = await client.createSession({ ...config, sessionId: 'own-1' });
    const refused = new RangeError('not now');
    const send = vi.spyOn(Object.getPrototypeOf(session), 'send').mockImplementationOnce(() => {
      throw refused;
    });
    expect(() => session.send('hello')).toThrow(refused);
    expect(send).toHaveBeenCalledOnce();
    expect(world.tracing.capture.tree()).toBe('invoke_agent copilot [session own-1] run.start (error RangeError)');
    expect(world.tracing.capture).toPassChecks();
    send.mockRestore();
  });

  test('that is retried by the runtime stays one turn', async () => {
    const { client, config } = await world.open();
    const session = await client.createSession({ ...config, sessionId: 'own-1' });
    await session.sendAndWait('#overloaded');
    const { capture } = world.tracing;
    expect(capture.tree()).toMatchInlineSnapshot(`
      "invoke_agent copilot [session own-1] run.start
        chat test-model (error 503)
        chat test-model"
    `);
    expect(capture).toPassChecks();
  });

  test('that the provider refuses rejects as it did, and its run says why', async () => {
    const { client, config } = await world.open();
    const session = await client.createSession({ ...config, sessionId: 'own-1' });
    await expect(session.sendAndWait('#bad')).rejects.toThrow('400 no such thing');
    await until(() => world.tracing.capture.index.runs.length === 1);
    expect(world.tracing.capture.tree()).toMatchInlineSnapshot(`
      "invoke_agent copilot [session own-1] run.start (error 400)
        chat test-model (error 400)"
    `);
    expect(world.tracing.capture).toPassChecks();
  });

  test('that is aborted ends as cancelled, with what is queued behind it; the next one is not touched', async () => {
    const { client, config } = await world.open();
    const session = await client.createSession({ ...config, sessionId: 'own-1' });
    await session.send('#never');
    await session.send('queued');
    await until(() => world.server.requests.length === 1);
    await session.abort();
    await session.send('after');
    await until(() => world.tracing.capture.index.runs.length === 3);
    expect(world.tracing.capture.tree()).toMatchInlineSnapshot(`
      "invoke_agent copilot [session own-1] run.start (error cancelled)
        chat test-model (error cancelled)
      invoke_agent copilot [session own-1] run.start -> previous turn (error cancelled)
      invoke_agent copilot [session own-1] run.start -> previous turn
        chat test-model"
    `);
    expect(world.tracing.capture).toPassChecks();
  });

  test('under way when its session is disconnected ends with it', async () => {
    const { client, config } = await world.open();
    const session = await client.createSession({ ...config, sessionId: 'own-1' });
    await session.send('#never');
    await until(() => world.server.requests.length === 1);
    await session.disconnect();
    expect(world.tracing.capture.tree()).toMatchInlineSnapshot(`
      "invoke_agent copilot [session own-1] run.start (error disconnected)
        chat test-model (error disconnected)"
    `);
    await expect(session.send('too late')).rejects.toThrow('Session not found');
    expect(world.tracing.capture.index.runs).toHaveLength(2);
    expect(world.tracing.capture.index.runs[1]?.root.status).toBe('error');
  });

  test.each(['stop', 'forceStop'] as const)('under way at %s ends with the client', async (stop) => {
    const { client, config } = await world.open();
    const session = await client.createSession({ ...config, sessionId: 'own-1' });
    await session.send('#never');
    await until(() => world.server.requests.length === 1);
    await client[stop]();
    expect(world.tracing.capture.index.runs[0]?.root.attributes['error.type']).toBe('disconnected');
  });
});

test('a session is made, and changes, in its own conversation, whoever has started the client', async () => {
  const { client, config } = await withSession('conv-7', () => world.open());
  const told = new Map<string, Set<string | undefined>>();
  client.onLifecycle(({ sessionId }) => {
    told.set(sessionId, (told.get(sessionId) ?? new Set()).add(currentSession()?.id));
  });
  for (const id of ['1', '2']) {
    await withSession(`conv-${id}`, async () => {
      const session = await client.createSession({ ...config, sessionId: `own-${id}` });
      await session.sendAndWait('hello');
    });
  }
  await until(() => told.size === 2);
  expect([...told].map(([session, conversations]) => [session, ...conversations])).toEqual([
    ['own-1', 'conv-1'],
    ['own-2', 'conv-2'],
  ]);
});
