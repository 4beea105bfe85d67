import { randomUUID } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { inspect } from 'node:util';
import { captureFiles, check } from '@turnkeeper/check';
import '@turnkeeper/check/vitest';
import { InMemorySessionPersistDriver } from 'sandbox-agent';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { attachSession, SessionContext } from '../../session/session-context.ts';
import { currentSession, withSession } from '../../session/active-session.ts';
import { otlpFileProcessor } from '../../testing/otlp-file.ts';
import { rootsOf, say, startRivetWorld, type RivetWorld } from '../../testing/rivet.ts';
import { CLOCKS_APART } from '../../testing/tracing.ts';

let world: RivetWorld;
beforeEach(async () => {
  world = await startRivetWorld();
});
afterEach(() => world[Symbol.asyncDispose]());

describe('a conversation', () => {
  test('of three turns with a tool is on the platform’s id, whatever Rivet and the agent call it', async () => {
    const { session } = await world.open('local-1');
    for (const text of ['hello', '#tool', 'thanks']) await withSession('conv-42', () => session.prompt(say(text)));
    await rootsOf(world.tracing, 3);
    const { capture } = world.tracing;
    expect(capture).toHaveSession('conv-42', { turns: 3 });
    expect(capture).toStampEverySpan();
    expect(capture).toPassChecks();
    expect(capture.tree()).toMatchInlineSnapshot(`
      "invoke_agent cursor [session conv-42] run.start
      invoke_agent cursor [session conv-42] run.start -> previous turn
        execute_tool execute
      invoke_agent cursor [session conv-42] run.start -> previous turn"
    `);
  });

  test('falls back to the local id, never to the agent’s, and says where the agent is', async () => {
    const { session, daemon } = await world.open('local-1');
    await session.prompt(say('#usage'));
    const [root] = await rootsOf(world.tracing, 1);
    expect(root?.kind).toBe('client');
    expect(root?.attributes).toEqual({
      'session.id': 'local-1',
      'gen_ai.conversation.id': 'local-1',
      'gen_ai.operation.name': 'invoke_agent',
      'gen_ai.agent.name': 'cursor',
      'gen_ai.provider.name': 'rivet',
      'server.address': '127.0.0.1',
      'server.port': Number(new URL(daemon.url).port),
      'turnkeeper.engine.name': 'rivet',
      'turnkeeper.session.source': 'engine',
      'turnkeeper.engine.session.id': session.agentSessionId,
      'turnkeeper.engine.session.cost': 0.25,
      'turnkeeper.engine.session.cost.currency': 'USD',
      'gen_ai.response.time_to_first_chunk': expect.any(Number),
      // The agent counts cached tokens apart: 100 and 30.
      'gen_ai.usage.input_tokens': 130,
      'gen_ai.usage.cache_read.input_tokens': 30,
      'gen_ai.usage.output_tokens': 20,
      'gen_ai.usage.reasoning.output_tokens': 5,
    });
  });

  test('keeps the local id aside where it lost', async () => {
    const { session, observation } = await world.open('local-1');
    await withSession('conv-42', () => session.prompt(say('hello')));
    const [root] = await rootsOf(world.tracing, 1);
    expect(root?.attributes).toMatchObject({
      'session.id': 'conv-42',
      'turnkeeper.session.source': 'context',
      'turnkeeper.engine.session.id': 'local-1',
    });
    expect(observation.runs()).toMatchObject([
      { session: { id: 'conv-42' }, engine: { name: 'rivet', sessionId: 'local-1' }, turn: 1 },
    ]);
  });

  test('is on the id of the call that observes, before all others', async () => {
    const { session } = await world.open('local-1', { session: 'explicit-1' });
    await withSession('conv-42', () => session.prompt(say('hello')));
    await rootsOf(world.tracing, 1);
    expect(world.tracing.capture).toHaveSession('explicit-1', { turns: 1 });
  });

  test('is on the id that is attached to its session, else on the one that is attached to its client', async () => {
    const { session, client, daemon } = await world.open('local-1');
    const other = await client.createSession({ id: 'local-2', agent: 'cursor', cwd: daemon.cwd });
    attachSession(client, new SessionContext({ sessionId: 'conv-client' }));
    attachSession(session, new SessionContext({ sessionId: 'conv-session' }));
    await session.prompt(say('hello'));
    await other.prompt(say('hello'));
    await rootsOf(world.tracing, 2);
    expect(world.tracing.capture).toHaveSession('conv-session', { turns: 1 });
    expect(world.tracing.capture).toHaveSession('conv-client', { turns: 1 });
  });

  test('sent raw is traced as well, and other methods of the protocol are not turns', async () => {
    const { session } = await world.open('local-1');
    await session.rawSend('session/prompt', { prompt: say('#tool') });
    await session.rawSend('session/other').catch(() => {});
    await rootsOf(world.tracing, 1);
    expect(world.tracing.capture.tree()).toMatchInlineSnapshot(`
      "invoke_agent cursor [session local-1] run.start
        execute_tool execute"
    `);
  });

  test('keeps the platform’s id where no context manager is registered', async () => {
    await world[Symbol.asyncDispose]();
    world = await startRivetWorld({ withContextManager: false });
    const { session } = await world.open('local-1');
    await withSession('conv-42', () => session.prompt(say('#tool')));
    await session.prompt(say('hello'));
    await rootsOf(world.tracing, 2);
    expect(world.tracing.capture).toHaveSession('conv-42', { turns: 1 });
    expect(world.tracing.capture).toHaveSession('local-1', { turns: 1 });
  });
});

describe('a resumed conversation', () => {
  test('through two daemons and three clients has as many engine ids and one session', async () => {
    const persist = new InMemorySessionPersistDriver();
    const file = join(tmpdir(), `turnkeeper-${randomUUID()}.jsonl`);
    await world[Symbol.asyncDispose]();
    world = await startRivetWorld({ processors: [otlpFileProcessor(file)] });
    const [first, second] = [await world.start(), await world.start()];

    const created = await world.connect(first, { persist });
    const session = await created.client.createSession({ id: 'local-1', agent: 'cursor', cwd: first.cwd });
    await session.prompt(say('one'));

    const taker = await world.connect(first, { persist });
    await (await taker.client.resumeSession('local-1')).prompt(say('two'));

    const moved = await world.connect(second, { persist });
    const request = { id: 'local-1', agent: 'cursor', cwd: second.cwd };
    await (await moved.client.resumeOrCreateSession(request)).prompt(say('three'));

    const roots = await rootsOf(world.tracing, 3);
    const engineIds = roots.map((root) => root.attributes['turnkeeper.engine.session.id']);
    expect(new Set(engineIds).size).toBe(3);
    expect(world.tracing.capture.tree()).toMatchInlineSnapshot(`
      "invoke_agent cursor [session local-1] run.start
      invoke_agent cursor [session local-1] run.start -> previous turn
      invoke_agent cursor [session local-1] run.start -> previous turn"
    `);

    const written = await captureFiles([file]);
    expect(written.spans).toHaveLength(3);
    expect(check(written)).toEqual([]);
    await rm(file);
  });

  test('resumes silently inside a prompt: one turn, from the call on, on the same id', async () => {
    const persist = new InMemorySessionPersistDriver();
    const daemon = await world.start();
    const { client } = await world.connect(daemon, { persist });
    const session = await client.createSession({ id: 'local-1', agent: 'cursor', cwd: daemon.cwd });
    await session.prompt(say('one'));
    const other = await world.connect(daemon, { persist });
    await (await other.client.resumeSession('local-1')).prompt(say('two'));
    // The first client is bound to a session of the agent that is not the latest one any more.
    const before = Date.now();
    await session.prompt(say('three'));
    const roots = await rootsOf(world.tracing, 3);
    expect(new Set(roots.map((root) => root.attributes['turnkeeper.engine.session.id'])).size).toBe(3);
    expect(roots.map((root) => root.attributes['session.id'])).toEqual(['local-1', 'local-1', 'local-1']);
    expect(Number(roots[2]?.start) / 1e6).toBeLessThanOrEqual(before + CLOCKS_APART);
  });
});

describe('several sessions', () => {
  test('on one connection, prompted at the same time, stay apart', async () => {
    const daemon = await world.start();
    const { client } = await world.connect(daemon);
    const ids = ['a', 'b', 'c', 'd', 'e'];
    const sessions = await Promise.all(
      ids.map((id) => client.createSession({ id: `local-${id}`, agent: 'cursor', cwd: daemon.cwd })),
    );
    for (let turn = 0; turn < 3; turn += 1) {
      await Promise.all(
        sessions.map((session, at) => withSession(`conv-${ids[at]}`, () => session.prompt(say('#tool')))),
      );
    }
    await rootsOf(world.tracing, 15);
    const { capture } = world.tracing;
    for (const id of ids) expect(capture).toHaveSession(`conv-${id}`, { turns: 3 });
    expect(capture.spans).toHaveLength(30);
    expect(capture).toKeepSessionsApart();
    expect(capture).toPassChecks();
  });

  test('run what they call back in their own turn, whoever opened the connection', async () => {
    const daemon = await world.start();
    const { client } = await world.connect(daemon);
    const seen: string[] = [];
    const open = (id: string) => client.createSession({ id, agent: 'cursor', cwd: daemon.cwd });
    const a = await withSession('conv-a', () => open('local-a'));
    const b = await withSession('conv-b', () => open('local-b'));
    for (const session of [a, b]) {
      session.onEvent((event) => {
        if (event.sender === 'agent') seen.push(`${session.id} in ${currentSession()?.id}`);
      });
    }
    await Promise.all([
      withSession('conv-a', () => a.prompt(say('hello'))),
      withSession('conv-b', () => b.prompt(say('hello'))),
    ]);
    await rootsOf(world.tracing, 2);
    await wait(50);
    expect(new Set(seen)).toEqual(new Set(['local-a in conv-a', 'local-b in conv-b']));
    expect(seen.length).toBeGreaterThanOrEqual(4);
  });
});

describe('the seam', () => {
  test('is left as it was by whoever stops observing', async () => {
    const { session, client, observation } = await world.open('local-1');
    await session.prompt(say('one'));
    await rootsOf(world.tracing, 1);
    observation.stop();
    await session.prompt(say('two'));
    await wait(50);
    expect(world.tracing.capture.spans).toHaveLength(1);
    expect(Object.hasOwn(client, 'rawSendSessionMethod')).toBe(false);
    expect(Object.hasOwn(client, 'getLiveConnection')).toBe(false);
  });

  test('takes a client that has its connections already', async () => {
    const daemon = await world.start();
    const client = await daemon.connect();
    const session = await client.createSession({ id: 'local-1', agent: 'cursor', cwd: daemon.cwd });
    await session.prompt(say('one'));
    const { observe } = await import('../../observe.ts');
    const { rivet } = await import('./index.ts');
    observe(rivet, client);
    await session.prompt(say('#tool'));
    await rootsOf(world.tracing, 1);
    expect(world.tracing.capture.tree()).toMatchInlineSnapshot(`
      "invoke_agent cursor [session local-1] run.start
        execute_tool execute"
    `);
  });

  test('says once what it misses where the client’s insides are not as expected', async () => {
    const { observe } = await import('../../observe.ts');
    const { rivet } = await import('./index.ts');
    const answers: unknown[] = [];
    const client = { rawSendSessionMethod: async (...args: unknown[]) => (answers.push(args), { response: {} }) };
    observe(rivet, client);
    await expect(client.rawSendSessionMethod('local-1', 'session/prompt', { prompt: [] })).resolves.toEqual({
      response: {},
    });
    expect(answers).toHaveLength(1);
    expect(world.tracing.capture.spans).toHaveLength(0);
    expect(world.tracing.diagnostics).toEqual([
      expect.stringContaining('opens its connections in a way that is not known'),
    ]);
  });

  const method = async (): Promise<void> => {};
  const connection = { sendSessionMethod: method, handleEnvelope: method, handlePermissionRequest: method };
  test.each([
    ['without its methods', { acp: { transport: {} } }],
    ['without its end', { ...connection, acp: { transport: {} } }],
    ['without a transport', { ...connection, close: method }],
    ['whose transport is another', { ...connection, close: method, acp: { transport: {} } }],
  ])('says once that turns may lack something on a connection %s', async (_what, connected) => {
    const { observe } = await import('../../observe.ts');
    const { rivet } = await import('./index.ts');
    const client = { rawSendSessionMethod: method, getLiveConnection: async () => connected };
    observe(rivet, client);
    await client.getLiveConnection();
    await client.getLiveConnection();
    expect(world.tracing.diagnostics).toEqual([expect.stringContaining('a connection is not as expected')]);
  });

  test('makes no turn of a notification, whose end nobody would tell of', async () => {
    const { observe } = await import('../../observe.ts');
    const { rivet } = await import('./index.ts');
    const client = {
      rawSendSessionMethod: (..._args: unknown[]): Promise<unknown> => Promise.reject(new Error('gone')),
    };
    observe(rivet, client);
    const prompt = ['local-1', 'session/prompt', { prompt: [] }];
    await expect(client.rawSendSessionMethod(...prompt, { notification: true })).rejects.toThrow('gone');
    expect(world.tracing.capture.spans).toHaveLength(0);
    await expect(client.rawSendSessionMethod(...prompt, {})).rejects.toThrow('gone');
    expect(world.tracing.capture.index.runs).toHaveLength(1);
  });

  test('leaves the model’s and the user’s words out of every attribute', async () => {
    const { session } = await world.open('local-1');
    await session.prompt(say('#tool please, mind the walrus'));
    await rootsOf(world.tracing, 1);
    const written = inspect(world.tracing.capture.spans, { depth: 10 });
    expect(written).toContain('execute_tool execute');
    expect(written).not.toContain('walrus');
    expect(written).not.toContain('/home/somebody');
  });
});
