import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CopilotClient, RuntimeConnection, type Tool } from '@github/copilot-sdk';
import { trace } from '@opentelemetry/api';
import '@turnkeeper/check/vitest';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { observe } from '../../observe.ts';
import { withSession } from '../../session/active-session.ts';
import { researcher, startCopilotWorld, until, weather, type CopilotWorld } from '../../testing/copilot.ts';
import { copilot } from './index.ts';
import { tracesItself } from './reading.ts';

// Real processes, which share the machine with other tests.
vi.setConfig({ testTimeout: 30_000 });

let world: CopilotWorld;
beforeEach(async () => {
  world = await startCopilotWorld();
});
afterEach(() => world[Symbol.asyncDispose]());

describe('a conversation', () => {
  test('of three turns with a tool is on the platform’s id, whatever Copilot calls it', async () => {
    const { client, config } = await world.open();
    const session = await client.createSession({ ...config, sessionId: 'own-1' });
    const answers: unknown[] = [];
    for (const text of ['hello', '#weather in Oslo', 'thanks']) {
      answers.push((await withSession('conv-42', () => session.sendAndWait(text)))?.data.content);
    }
    const { capture } = world.tracing;
    expect(answers).toEqual(['echo', 'rain for conv-42', 'echo']);
    expect(capture).toHaveSession('conv-42', { turns: 3 });
    expect(capture).toPassChecks();
    expect(capture.tree()).toMatchInlineSnapshot(`
      "invoke_agent copilot [session conv-42] run.start
        chat test-model
      invoke_agent copilot [session conv-42] run.start -> previous turn
        chat test-model
        execute_tool weather
          SELECT weather
        chat test-model
      invoke_agent copilot [session conv-42] run.start -> previous turn
        chat test-model"
    `);
  });

  test('says on its spans who won, what Copilot calls it, and what the model said', async () => {
    const { client, config } = await world.open();
    const session = await client.createSession({ ...config, sessionId: 'own-1' });
    await withSession('conv-42', () => session.sendAndWait('hello'));
    const { runs, childrenOf } = world.tracing.capture.index;
    const root = runs[0]!.root;
    expect(root.kind).toBe('internal');
    expect(root.attributes).toMatchObject({
      'session.id': 'conv-42',
      'turnkeeper.session.source': 'context',
      'turnkeeper.engine.name': 'copilot',
      'turnkeeper.engine.session.id': 'own-1',
      'gen_ai.provider.name': 'openai',
      'gen_ai.usage.input_tokens': 100,
      'gen_ai.usage.output_tokens': 20,
    });
    expect(childrenOf.call(world.tracing.capture.index, root)[0]?.attributes).toMatchObject({
      'gen_ai.request.model': 'test-model',
      'gen_ai.response.model': 'test-model',
      'gen_ai.response.id': 'chatcmpl-1',
      'gen_ai.response.finish_reasons': ['stop'],
      'gen_ai.usage.input_tokens': 100,
      'gen_ai.usage.output_tokens': 20,
      'gen_ai.response.time_to_first_chunk': expect.any(Number),
    });
  });

  test('without a platform is on Copilot’s id: the caller’s, verbatim, else the SDK’s', async () => {
    const { client, config } = await world.open();
    const named = await client.createSession({ ...config, sessionId: 'own_id-1-A' });
    await named.sendAndWait('hello');
    const unnamed = await client.createSession(config);
    await unnamed.sendAndWait('hello');
    const { capture } = world.tracing;
    expect(capture).toHaveSession('own_id-1-A', { turns: 1 });
    expect(capture).toHaveSession(unnamed.sessionId, { turns: 1 });
    expect(capture.index.runs[0]?.root.attributes['turnkeeper.session.source']).toBe('engine');
    expect(capture).toPassChecks();
  });

  test('goes on under the same id when it is resumed, in the same client and in another', async () => {
    const { client, config, home } = await world.open();
    const first = await client.createSession({ ...config, sessionId: 'own-1' });
    await first.sendAndWait('hello');
    await first.disconnect();
    const second = await client.resumeSession('own-1', config);
    await second.sendAndWait('#weather');
    expect(home).not.toBe('');
    const { capture } = world.tracing;
    expect(capture).toHaveSession('own-1', { turns: 2 });
    expect(capture).toPassChecks();
    expect(capture.tree()).toMatchInlineSnapshot(`
      "invoke_agent copilot [session own-1] run.start
        chat test-model
      invoke_agent copilot [session own-1] run.start -> previous turn
        chat test-model
        execute_tool weather
          SELECT weather
        chat test-model"
    `);
  });

  test('beside others, of two clients and several sessions at once, keeps every span on its own id', async () => {
    const one = await world.open();
    const two = await world.open();
    const sessions = await Promise.all(
      [one, one, two, two].map(({ client, config }, index) =>
        client.createSession({ ...config, sessionId: `own-${index}` }),
      ),
    );
    const answers = await Promise.all(
      sessions.map(async (session, index) => {
        await withSession(`conv-${index}`, () => session.sendAndWait('#slow'));
        return (await withSession(`conv-${index}`, () => session.sendAndWait('#weather')))?.data.content;
      }),
    );
    const { capture } = world.tracing;
    expect(answers).toEqual(['rain for conv-0', 'rain for conv-1', 'rain for conv-2', 'rain for conv-3']);
    for (const index of [0, 1, 2, 3]) expect(capture).toHaveSession(`conv-${index}`, { turns: 2 });
    expect(capture).toPassChecks();
  });
});

describe('a client', () => {
  test('that is observed when its sessions are open already is traced from then on', async () => {
    const { client, config, observation } = await world.open();
    observation.stop();
    const session = await client.createSession({ ...config, sessionId: 'own-1' });
    await session.sendAndWait('not seen');
    observe(copilot, client);
    await session.sendAndWait('#weather');
    expect(world.tracing.capture).toHaveSession('own-1', { turns: 1 });
    expect(world.tracing.capture.index.runs).toHaveLength(1);
  });

  test('is on the platform’s id also where no context manager is registered', async () => {
    await world[Symbol.asyncDispose]();
    world = await startCopilotWorld({ withContextManager: false });
    const { client, config } = await world.open();
    const session = await client.createSession({ ...config, sessionId: 'own-1' });
    const answer = await withSession('conv-42', () => session.sendAndWait('#weather'));
    expect(answer?.data.content).toBe('rain for conv-42');
    expect(world.tracing.capture).toHaveSession('conv-42', { turns: 1 });
  });

  test('that is started inside somebody’s turn serves others outside of it', async () => {
    const { client, config } = await world.open();
    const inner: Tool = {
      ...weather,
      name: 'weather',
      handler: async () => (await ask('#weather'))?.data.content ?? '',
    };
    const other = await world.open();
    const ask = async (text: string) => {
      const session = await other.client.createSession({ ...other.config, sessionId: 'own-2' });
      return session.sendAndWait(text);
    };
    const session = await client.createSession({ ...config, sessionId: 'own-1', tools: [inner] });
    await withSession('conv-42', () => session.sendAndWait('#weather'));
    const again = await other.client.resumeSession('own-2', other.config);
    await withSession('conv-7', () => again.sendAndWait('hello'));
    expect(world.tracing.capture).toPassChecks();
    expect(world.tracing.capture.tree()).toMatchInlineSnapshot(`
      "invoke_agent copilot [session conv-42] run.start
        chat test-model
        execute_tool weather
          invoke_agent copilot run.start
            chat test-model
            execute_tool weather
              SELECT weather
            chat test-model
        chat test-model
      invoke_agent copilot [session conv-7] run.start
        chat test-model"
    `);
  });
});

describe('a tool', () => {
  test('runs inside its span, also where it asks for permission, and its failure is on it', async () => {
    const seen: unknown[] = [];
    const broken = { ...weather, skipPermission: false, handler: () => Promise.reject(new Error('no thermometer')) };
    const { client, config } = await world.open({ tools: [broken] });
    const session = await client.createSession({
      ...config,
      sessionId: 'own-1',
      onPermissionRequest: () => {
        const span = trace.getActiveSpan();
        seen.push(span && 'name' in span ? span.name : undefined);
        return { kind: 'approve-once' };
      },
    });
    await session.sendAndWait('#weather');
    expect(seen).toEqual(['execute_tool weather']);
    const { runs } = world.tracing.capture.index;
    expect(runs[0]?.root.events.map(({ name, attributes }) => [name, attributes['turnkeeper.wait.reason']])).toEqual([
      ['run.start', undefined],
      ['run.wait', 'permission'],
    ]);
    expect(world.tracing.capture.tree()).toMatchInlineSnapshot(`
      "invoke_agent copilot [session own-1] run.start
        chat test-model
        execute_tool weather (error failure)
        chat test-model"
    `);
    expect(world.tracing.capture).toPassChecks();
  });
});

describe('a sub-agent', () => {
  test('is an agent below the tool that delegates to it, in the same session', async () => {
    const { client, config } = await world.open();
    const session = await client.createSession({ ...config, sessionId: 'own-1', customAgents: [researcher] });
    const answer = await withSession('conv-42', () => session.sendAndWait('#delegate'));
    expect(answer?.data.content).toBe('rain for conv-42');
    const { capture } = world.tracing;
    expect(capture).toPassChecks();
    // The runtime tells of an agent's calls in whatever order, and asks for its tool twice: where they hang is the same.
    const places = capture.spans.map((span) => `${capture.index.parentOf(span)?.name ?? ''} > ${span.name}`);
    expect([...new Set(places)].toSorted()).toEqual([
      ' > invoke_agent copilot',
      'execute_tool task > invoke_agent researcher',
      'execute_tool weather > SELECT weather',
      'invoke_agent copilot > chat test-model',
      'invoke_agent copilot > execute_tool task',
      'invoke_agent researcher > chat test-model',
      'invoke_agent researcher > execute_tool weather',
    ]);
    expect(places.filter((place) => place.endsWith('chat test-model'))).toHaveLength(4);
  });

  test('in the background outlives the tool that started it, and its turn waits for it', async () => {
    const { client, config } = await world.open();
    const session = await client.createSession({ ...config, sessionId: 'own-1', customAgents: [researcher] });
    await session.sendAndWait('#background');
    const { capture } = world.tracing;
    expect(capture.index.runs).toHaveLength(1);
    expect(capture).toPassChecks();
    expect(capture.tree()).toContain('\n  invoke_agent researcher\n');
  });
});

describe('a runtime with telemetry of its own', () => {
  test('has no spans of ours beside its own; sessions are resolved, and tools work below its spans', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'turnkeeper-test-'));
    const filePath = join(folder, 'runtime.jsonl');
    const telemetry = { exporterType: 'file', filePath };
    const { client, config, observation } = await world.open({ client: { telemetry } });
    const session = await client.createSession({ ...config, sessionId: 'own-1' });
    const answer = await withSession('conv-42', () => session.sendAndWait('#weather'));
    await client.stop();
    const lines = (await readFile(filePath, 'utf8')).split('\n').filter((line) => line !== '');
    await rm(folder, { recursive: true });

    expect(answer?.data.content).toBe('rain for conv-42');
    expect(observation.runs()).toMatchObject([
      { session: { id: 'conv-42', source: 'context' }, engine: { name: 'copilot', sessionId: 'own-1' } },
    ]);
    expect(world.tracing.capture.spans.map(({ name }) => name)).toEqual(['SELECT weather']);
    const [work] = world.tracing.capture.spans;
    expect(work?.attributes['session.id']).toBe('conv-42');
    const tool = lines.map((line) => JSON.parse(line)).find(({ name }) => name === 'execute_tool weather');
    expect([work?.traceId, work?.parentSpanId]).toEqual([tool.traceId, tool.spanId]);
  });

  test('is one that is told to have it, by an option or by the environment that it is started in', () => {
    const connection = RuntimeConnection.forUri('127.0.0.1:9');
    const env = { COPILOT_OTEL_ENABLED: 'true' };
    expect(tracesItself(new CopilotClient({ telemetry: { exporterType: 'file' } }))).toBe(true);
    expect(tracesItself(new CopilotClient({ env }))).toBe(true);
    expect(tracesItself(new CopilotClient({ env: {} }))).toBe(false);
    expect(tracesItself(new CopilotClient({ env, connection }))).toBe(false);
  });
});

describe('the trace context', () => {
  test('is the program’s own where it has one', async () => {
    const own = { traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01' };
    let asked = 0;
    const onGetTraceContext = (): typeof own => {
      asked += 1;
      return own;
    };
    const { client, config, observation } = await world.open({ client: { onGetTraceContext } });
    const session = await client.createSession({ ...config, sessionId: 'own-1' });
    await session.sendAndWait('hello');
    expect(asked).toBe(2);
    observation.stop();
    expect(Reflect.get(client, 'onGetTraceContext')).toBe(onGetTraceContext);
  });

  test('is taken back when the observation stops', async () => {
    const { client, config, observation } = await world.open();
    const session = await client.createSession({ ...config, sessionId: 'own-1' });
    expect(Object.hasOwn(session, 'send')).toBe(true);
    expect(Reflect.get(client, 'onGetTraceContext')).toBeTypeOf('function');
    observation.stop();
    expect(Reflect.get(client, 'onGetTraceContext')).toBeUndefined();
    expect(Object.hasOwn(client, 'createSession')).toBe(false);
    expect(Object.hasOwn(session, 'send')).toBe(false);
  });
});

describe('upkeep', () => {
  test('is no turn: a compaction takes no number and no link', async () => {
    const { client, config } = await world.open();
    const session = await client.createSession({ ...config, sessionId: 'own-1' });
    await session.sendAndWait('one');
    await session.sendAndWait('two');
    await session.rpc.history.compact();
    await session.sendAndWait('three');
    expect(world.tracing.capture).toHaveSession('own-1', { turns: 3 });
    expect(world.tracing.capture.tree()).toMatchInlineSnapshot(`
      "invoke_agent copilot [session own-1] run.start
        chat test-model
      invoke_agent copilot [session own-1] run.start -> previous turn
        chat test-model
      compact copilot [session own-1] run.start
        chat test-model
      invoke_agent copilot [session own-1] run.start -> previous turn
        chat test-model"
    `);
    expect(world.tracing.capture).toPassChecks();
  });

  test('is of the conversation as it was last: what a background agent makes the runtime do is a turn of that', async () => {
    const customAgents = [{ name: 'researcher', prompt: 'You look things up.', tools: null }];
    const { client, config } = await world.open();
    const session = await client.createSession({ ...config, customAgents, sessionId: 'own-1' });
    await withSession('conv-42', () => session.sendAndWait('hello'));
    const asked = { agentType: 'researcher', prompt: 'look', description: 'look', name: 'one' };
    await session.rpc.tasks.startAgent(asked);
    await until(() => world.tracing.capture.index.runs.length === 2);
    expect(world.tracing.capture).toHaveSession('conv-42', { turns: 2 });
    expect(world.tracing.capture.tree()).toContain('invoke_agent researcher');
    expect(world.tracing.capture).toPassChecks();
  });

  test('beside a turn, and beyond it, is itself: the turn has its own model calls and tokens', async () => {
    world.server.script(({ messages, lastUserText }) => {
      if (lastUserText.includes('summary'))
        return { text: 'a summary', delayMillis: 300, usage: { input: 7_777, output: 3 } };
      return messages.at(-1)?.role === 'tool'
        ? 'done'
        : { toolCalls: [{ name: 'weather', arguments: { city: 'Oslo' } }] };
    });
    const { client, config } = await world.open();
    const infiniteSessions = { enabled: true, backgroundCompactionThreshold: 0.0001, bufferExhaustionThreshold: 0.99 };
    const session = await client.createSession({ ...config, infiniteSessions, sessionId: 'own-1' });
    await withSession('conv-42', () => session.sendAndWait('go'));
    await until(() => world.tracing.capture.index.runs.length === 2);
    const totals = world.tracing.capture.index.runs.map(({ root }) => [
      root.name,
      root.attributes['gen_ai.usage.input_tokens'],
      root.attributes['error.type'],
    ]);
    expect(totals).toEqual([
      ['invoke_agent copilot', 200, undefined],
      ['compact copilot', 7_777, undefined],
    ]);
    expect(world.tracing.capture).toHaveSession('conv-42', { turns: 1 });
    expect(world.tracing.capture).toPassChecks();
  });
});

describe('the real runtime’s refusals', () => {
  test.each([
    [{ cloud: {}, sessionId: 'mine' }, 'Cannot specify sessionId when creating a remote session in the cloud'],
    [{ sessionId: 'has space' }, 'Rejected session.create request with invalid sessionId: has space'],
  ])('of %j reach the program as they are', async (given, message) => {
    const { client, config } = await world.open();
    await expect(client.createSession({ ...config, ...given })).rejects.toThrow(message);
    expect(world.tracing.capture.spans).toEqual([]);
  });
});
