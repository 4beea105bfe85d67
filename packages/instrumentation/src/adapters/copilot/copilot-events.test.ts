import '@turnkeeper/check/vitest';
import type { CopilotRuntime } from '@turnkeeper/model-server/copilot-runtime';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { startCloudWorld, until, type CloudWorld } from '../../testing/copilot.ts';
import { start, translate } from './translate.ts';

// Real processes, which share the machine with other tests.
vi.setConfig({ testTimeout: 30_000 });

type Data = NonNullable<Parameters<CopilotRuntime['emit']>[2]>;
type Told = readonly [type: string, data: Data, agent?: string];

let told: readonly Told[];
let world: CloudWorld;
beforeEach(async () => {
  world = await startCloudWorld({
    send: ({ sessionId }, runtime) => {
      const play = async (): Promise<void> => {
        for (const [type, data, agent] of [prompt, ...told, idle]) {
          await runtime.emit(String(sessionId), type, data, agent);
        }
      };
      setImmediate(() => void play());
      return { messageId: 'm' };
    },
  });
});
afterEach(() => world[Symbol.asyncDispose]());

const prompt: Told = ['user.message', { messageId: 'm', interactionId: 'i' }];
const idle: Told = ['session.idle', {}];
const model: readonly [string, Data] = ['model.call_start', { model: 'm1' }];

/** The tree of a turn in which the runtime tells this. */
async function treeOf(...events: readonly Told[]): Promise<string> {
  told = events;
  const session = await world.client.createSession({ ...world.config, sessionId: 'own-1' });
  // It rejects as soon as it hears of an error, ahead of the turn's end.
  await session.sendAndWait('go').catch(() => {});
  await until(() => world.tracing.capture.index.runs.length > 0);
  expect(world.tracing.capture).toPassChecks();
  return world.tracing.capture.tree().replace('invoke_agent copilot [session own-1] run.start', 'turn');
}

const attributes = (name: string) => world.tracing.capture.spans.find((span) => span.name === name)?.attributes;
const waits = () =>
  world.tracing.capture.index.runs[0]?.root.events
    .filter(({ name }) => name === 'run.wait')
    .map(({ attributes: { 'turnkeeper.wait.reason': reason } }) => reason);

describe('a turn', () => {
  test('is of Copilot’s own provider where no other was configured', async () => {
    await treeOf(model, ['model.call_finished', { outcome: 'success' }]);
    expect(attributes('invoke_agent copilot')?.['gen_ai.provider.name']).toBe('github');
    expect(attributes('chat m1')?.['gen_ai.provider.name']).toBe('github');
  });

  test.each([
    [{}, 'openai'],
    [{ type: 'anthropic' }, 'anthropic'],
  ] as const)(
    'is of the provider that was configured, of the SDK’s default where that has no type: %j',
    async (type, name) => {
      told = [];
      const provider = { ...type, baseUrl: 'http://127.0.0.1:9' };
      const session = await world.client.createSession({ ...world.config, provider });
      await session.sendAndWait('go');
      expect(attributes('invoke_agent copilot')?.['gen_ai.provider.name']).toBe(name);
    },
  );

  test.each([
    [{ statusCode: 429, errorType: 'rate_limit', message: 'slow down, somebody' }, '429'],
    [{ errorType: 'rate_limit', message: 'slow down, somebody' }, 'rate_limit'],
    [{ errorType: 'what somebody said', message: 'no' }, 'session_error'],
  ])('that fails does so in a word: %j', async (data, type) => {
    expect(await treeOf(['session.error', data])).toBe(`turn (error ${type})`);
  });

  test('that is aborted as its model is about to be asked has no answer of that: its call is cancelled too', async () => {
    const tree = await treeOf(['assistant.turn_start', {}], ['abort', {}], model, ['assistant.turn_end', {}]);
    expect(tree).toBe('turn (error cancelled)\n  chat m1 (error cancelled)');
  });

  const limited: Told = ['session.error', { errorType: 'rate_limit' }];
  const usage: readonly [string, Data] = ['assistant.usage', { model: 'm1' }];

  test('that its model answers after an error has not failed', async () => {
    expect(await treeOf(limited, usage)).toBe('turn\n  chat m1');
  });

  test('of which only a sub-agent’s model answers after an error has failed', async () => {
    const events: Told[] = [
      limited,
      ['subagent.started', { toolCallId: 'task-1', agentName: 'researcher' }, 'agent-1'],
      [...usage, 'agent-1'],
      ['subagent.completed', { toolCallId: 'task-1' }, 'agent-1'],
    ];
    expect(await treeOf(...events)).toBe('turn (error rate_limit)\n  invoke_agent researcher\n    chat m1');
  });

  test.each<[string, Told]>([
    ['idle', ['session.idle', { aborted: true }]],
    ['abort', ['abort', { reason: 'user' }]],
  ])('that somebody else stops is cancelled, as %s tells', async (_type, event) => {
    expect(await treeOf(model, event)).toBe('turn (error cancelled)\n  chat m1 (error cancelled)');
  });

  test.each<[string, Told, readonly string[]]>([
    ['for a permission', ['permission.requested', { permissionRequest: { kind: 'shell' } }], ['permission']],
    ['for none that a hook gives', ['permission.requested', { permissionRequest: {}, resolvedByHook: true }], []],
    ['for an answer', ['user_input.requested', { question: 'who?' }], ['answer']],
    ['for a form', ['elicitation.requested', { message: 'where?' }], ['answer']],
  ])('waits for a person: %s', async (_what, event, reasons) => {
    await treeOf(event);
    expect(waits()).toEqual(reasons);
  });
});

describe('a model call', () => {
  test.each([
    [{ statusCode: 503, errorType: 'server' }, '503'],
    [{ errorType: 'server' }, 'server'],
    [{ failureKind: 'timeout' }, 'timeout'],
    [{ failureKind: 'what somebody said' }, 'model_error'],
  ])('that fails does so in a word: %j', async (data, type) => {
    const failed = await treeOf(model, ['model.call_failure', data], ['model.call_finished', { outcome: 'failure' }]);
    expect(failed).toBe(`turn\n  chat m1 (error ${type})`);
  });

  test('has its cached tokens in its input, also of a provider that counts them apart', async () => {
    const usage = { model: 'm1', inputTokens: 7, outputTokens: 1, cacheReadTokens: 30, cacheWriteTokens: 2 };
    await treeOf(model, ['assistant.usage', usage], ['model.call_finished', { outcome: 'success' }]);
    expect(attributes('chat m1')).toMatchObject({
      'gen_ai.usage.input_tokens': 39,
      'gen_ai.usage.cache_read.input_tokens': 30,
      'gen_ai.usage.cache_creation.input_tokens': 2,
    });
  });

  test.each(['assistant.streaming_delta', 'assistant.message_delta', 'assistant.message_start'])(
    'has said its first when the runtime tells of %s',
    async (type) => {
      await treeOf(model, [type, { deltaContent: 'a' }], ['model.call_finished', { outcome: 'success' }]);
      expect(attributes('chat m1')).toHaveProperty(['gen_ai.response.time_to_first_chunk']);
    },
  );

  test.each([
    [{ success: true }, ''],
    [{ success: false }, ' (error compaction_failed)'],
    [{ success: false, statusCode: 500 }, ' (error 500)'],
  ])(
    'for a compaction beside the turn’s own is the compaction’s, and the turn’s end its own: %j',
    async (data, end) => {
      const used = { model: 'm1-2026', inputTokens: 7 };
      const events: Told[] = [
        model,
        ['session.compaction_start', {}],
        ['assistant.usage', { model: 'm1', inputTokens: 5 }],
        ['session.compaction_complete', { ...data, compactionTokensUsed: used }],
        ['model.call_finished', { outcome: 'success' }],
      ];
      expect(await treeOf(...events)).toBe(
        `turn\n  chat m1\ncompact copilot [session own-1] run.start${end}\n  chat m1${end}`,
      );
      const totals = world.tracing.capture.index.runs.map(({ root }) => root.attributes['gen_ai.usage.input_tokens']);
      expect(totals).toEqual([5, 7]);
      const chats = world.tracing.capture.spans.filter(({ name }) => name === 'chat m1');
      expect(chats.map((chat) => chat.attributes['gen_ai.response.model'])).toEqual(['m1', 'm1-2026']);
    },
  );

  test('for a compaction of which the runtime tells no end ends with the next one, and with the session', async () => {
    const events: Told[] = [
      ['session.compaction_start', {}],
      ['session.compaction_start', {}],
    ];
    await treeOf(...events);
    await world.client.stop();
    const compactions = world.tracing.capture.index.runs.filter(({ root }) => root.name.startsWith('compact'));
    expect(compactions.map(({ root }) => root.attributes['error.type'])).toEqual(['unfinished', 'disconnected']);
  });
});

describe('a sub-agent', () => {
  test.each([
    ['subagent.completed', {}, ''],
    ['subagent.completed', { cancelled: true }, ' (error cancelled)'],
    ['subagent.failed', { error: 'what somebody said' }, ' (error agent_error)'],
  ])('of a runtime that names it by its tool alone ends as it does: %s %j', async (type, data, end) => {
    const tool = { toolCallId: 'task-1' };
    const events: Told[] = [
      ['tool.execution_start', { ...tool, toolName: 'task' }],
      ['subagent.started', { ...tool, agentName: 'researcher' }],
      [type, { ...tool, ...data }],
      ['tool.execution_complete', { ...tool, success: true }],
    ];
    expect(await treeOf(...events)).toBe(`turn\n  execute_tool task\n    invoke_agent researcher${end}`);
  });
});

test('work of a sub-agent is over with it, and none of one that nobody has told of is shown', async () => {
  const events: Told[] = [
    ['subagent.started', { toolCallId: 'task-1', agentName: 'researcher' }, 'agent-1'],
    [...model, 'agent-1'],
    ['subagent.completed', { toolCallId: 'task-1' }, 'agent-1'],
    ['assistant.usage', { model: 'm2' }, 'agent-2'],
  ];
  expect(await treeOf(...events)).toBe('turn\n  invoke_agent researcher\n    chat m1 (error cancelled)');
});

test('of very many sessions, the one that was quiet longest is forgotten, and none that is at work', () => {
  const state = start();
  const tell = (...given: Parameters<typeof translate>[0][]): void =>
    given.forEach((native) => void [...translate(native, state)]);
  tell({ kind: 'sent', run: 'run', session: 'at work', joins: false });
  for (let at = 0; at < 1_000; at += 1) tell({ kind: 'opened', session: `session-${at}` });
  tell({ kind: 'opened', session: 'session-1' }, { kind: 'opened', session: 'one more' });
  expect(state.sessions.size).toBe(1_000);
  expect(['at work', 'session-0', 'session-1', 'session-2'].map((id) => state.sessions.has(id))).toEqual([
    true,
    false,
    true,
    false,
  ]);
});
