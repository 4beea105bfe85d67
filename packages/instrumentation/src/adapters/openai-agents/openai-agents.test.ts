import {
  Agent,
  InputGuardrailTripwireTriggered,
  MemorySession,
  OpenAIConversationsSession,
  OutputGuardrailTripwireTriggered,
  Runner,
  RunState,
  tool,
} from '@openai/agents';
import '@turnkeeper/check/vitest';
import { metrics } from '@opentelemetry/api';
import { registerInstrumentations } from '@opentelemetry/instrumentation';
import { UndiciInstrumentation } from '@opentelemetry/instrumentation-undici';
import { MeterProvider, PeriodicExportingMetricReader } from '@opentelemetry/sdk-metrics';
import { openOpenAIAgents } from '@turnkeeper/model-server/openai-agents';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { observe } from '../../observe.ts';
import { currentSession, withSession } from '../../session/active-session.ts';
import { attachSession, SessionContext } from '../../session/session-context.ts';
import { RecordingStore, startOpenAIWorld, weather, type OpenAIWorld } from '../../testing/openai-agents.ts';
import { openaiAgents } from './index.ts';

let world: OpenAIWorld;
beforeEach(async () => {
  world = await startOpenAIWorld();
});
afterEach(() => world[Symbol.asyncDispose]());

/** A tool that a person has to approve. */
const approvalOptions = {
  name: 'weather',
  description: 'The weather of a city',
  parameters: z.object({ city: z.string() }),
  needsApproval: true,
} as const;

describe('a conversation', () => {
  test('of three turns with a tool is on the platform’s id, whatever the engine’s session is called', async () => {
    const agent = new Agent({ name: 'Guide', tools: [weather] });
    const session = new MemorySession({ sessionId: 'memory-1' });
    let last: unknown;
    for (const text of ['hello', '#weather in Oslo', 'thanks']) {
      const result = await withSession('conv-42', () => world.engine.runner.run(agent, text, { session }));
      last = result.finalOutput;
    }
    const { capture } = world.tracing;
    expect(last).toBe('echo: thanks');
    expect(world.tracing.diagnostics).toEqual([]);
    expect(capture.tree()).toMatchInlineSnapshot(`
      "invoke_agent Guide [session conv-42] run.start
        session getItems
        chat test-model
        session addItems
      invoke_agent Guide [session conv-42] run.start -> previous turn
        session getItems
        chat test-model
        execute_tool weather
          SELECT weather
        chat test-model
        session addItems
      invoke_agent Guide [session conv-42] run.start -> previous turn
        session getItems
        chat test-model
        session addItems"
    `);
    expect(capture).toHaveSession('conv-42', { turns: 3 });
    expect(capture).toStampEverySpan();
    expect(capture).toPassChecks();
  });
});

describe('the id', () => {
  const agent = new Agent({ name: 'Guide' });
  const sourceOf = (): unknown => world.tracing.capture.index.runs[0]?.root.attributes['turnkeeper.session.source'];

  test('of conversationId beats the session’s and the group’s', async () => {
    const runner = new Runner({ ...world.engine.runner.config, groupId: 'group-1' });
    await runner.run(agent, 'hello', {
      conversationId: 'conv_1',
      session: new MemorySession({ sessionId: 'memory-1' }),
    });
    expect(world.tracing.capture).toHaveSession('conv_1', { turns: 1 });
    expect(sourceOf()).toBe('engine');
  });

  test('of the session beats the group’s', async () => {
    const runner = new Runner({ ...world.engine.runner.config, groupId: 'group-1' });
    await runner.run(agent, 'hello', { session: new MemorySession({ sessionId: 'memory-1' }) });
    expect(world.tracing.capture).toHaveSession('memory-1', { turns: 1 });
  });

  test('of the group is the last there is', async () => {
    const runner = new Runner({ ...world.engine.runner.config, groupId: 'group-1' });
    await runner.run(agent, 'hello', { session: new RecordingStore() });
    await runner.run(agent, 'hello');
    expect(world.tracing.capture).toHaveSession('group-1', { turns: 2 });
    expect(world.tracing.capture).toPassChecks();
  });

  test('is absent where nobody gives one', async () => {
    await world.engine.runner.run(agent, 'hello');
    expect(world.tracing.capture.tree()).toMatchInlineSnapshot(`
      "invoke_agent Guide [no session] run.start
        chat test-model [no session]"
    `);
    expect(sourceOf()).toBeUndefined();
  });

  test('of the platform wins, and what the engine says is kept aside', async () => {
    await withSession('conv-42', () => world.engine.runner.run(agent, 'hello', { conversationId: 'conv_1' }));
    expect(world.tracing.capture).toHaveSession('conv-42', { turns: 1 });
    expect(world.tracing.capture.index.runs[0]?.root.attributes).toMatchObject({
      'turnkeeper.session.source': 'context',
      'turnkeeper.engine.session.id': 'conv_1',
    });
  });

  test('attached to an agent, or to the runner, beats what the engine says', async () => {
    const attached = attachSession(new Agent({ name: 'Guide' }), new SessionContext({ sessionId: 'batch-1' }));
    const session = new MemorySession({ sessionId: 'memory-1' });
    await world.engine.runner.run(attached, 'hello', { session });
    const runner = attachSession(new Runner(world.engine.runner.config), new SessionContext({ sessionId: 'batch-2' }));
    await runner.run(agent, 'hello', { session });
    const runs = world.tracing.capture.index.runs.map(({ root }) => [
      root.attributes['session.id'],
      root.attributes['turnkeeper.session.source'],
      root.attributes['turnkeeper.engine.session.id'],
    ]);
    expect(runs).toEqual([
      ['batch-1', 'attached', 'memory-1'],
      ['batch-2', 'attached', 'memory-1'],
    ]);
  });

  test('is never asked for: only the engine calls getSessionId(), and it does not', async () => {
    const store = new RecordingStore('store-1');
    for (const text of ['hello', '#weather', 'thanks']) {
      await world.engine.runner.run(new Agent({ name: 'Guide', tools: [weather] }), text, { session: store });
    }
    expect(store.asked).toBe(0);
    expect(world.tracing.capture).toHaveSession('store-1', { turns: 3 });
  });

  test('is asked for as often as without us where a person is waited for', async () => {
    const guarded = tool({ ...approvalOptions, execute: async () => 'done' });
    const asked = async (): Promise<number> => {
      const store = new RecordingStore('store-1');
      const one = new Agent({ name: 'Guide', tools: [guarded] });
      const first = await world.engine.runner.run(one, '#weather', { session: store });
      first.state.approve(first.interruptions[0]!);
      await world.engine.runner.run(one, first.state, { session: store });
      return store.asked;
    };
    const observed = await asked();
    world.observation.stop();
    expect(await asked()).toBe(observed);
  });

  test('of a remote conversation arrives with the first read, and is made once', async () => {
    const session = new OpenAIConversationsSession({ client: world.engine.client });
    expect(session.sessionId).toBeUndefined();
    await world.engine.runner.run(agent, 'hello', { session });
    await world.engine.runner.run(agent, 'again', { session });
    expect([...world.server.conversations.keys()]).toEqual(['conv_1']);
    expect(world.tracing.capture).toHaveSession('conv_1', { turns: 2 });
    expect(world.tracing.capture).toPassChecks();
    expect(world.tracing.capture.tree()).toMatchInlineSnapshot(`
      "invoke_agent Guide [session conv_1] run.start
        session getItems
        chat test-model
        session addItems
      invoke_agent Guide [session conv_1] run.start -> previous turn
        session getItems
        chat test-model
        session addItems"
    `);
  });

  test('of a remote conversation is on the requests too that came before it', async () => {
    const undici = new UndiciInstrumentation();
    const unregister = registerInstrumentations({ instrumentations: [undici], tracerProvider: world.tracing.provider });
    try {
      const session = new OpenAIConversationsSession({ client: world.engine.client });
      await world.engine.runner.run(agent, 'hello', { session });
    } finally {
      unregister();
      undici.disable();
    }
    expect(world.tracing.capture).toStampEverySpan();
    expect(world.tracing.capture).toPassChecks();
    expect(world.tracing.capture.tree()).toMatchInlineSnapshot(`
      "invoke_agent Guide [session conv_1] run.start
        session getItems
          POST
          GET
        chat test-model
          POST
        session addItems
          POST"
    `);
  });

  test('of a remote conversation that cannot be made falls back to the group’s', async () => {
    const session = new OpenAIConversationsSession({ client: openOpenAIAgents({ url: 'http://127.0.0.1:1' }).client });
    const runner = new Runner({ ...world.engine.runner.config, groupId: 'group-1' });
    await expect(runner.run(agent, 'hello', { session })).rejects.toThrow('Connection error');
    expect(world.tracing.capture).toHaveSession('group-1', { turns: 1 });
  });

  test('of a session whose property throws is none, and the run goes on', async () => {
    const store = Object.defineProperty(new RecordingStore(), 'sessionId', {
      get() {
        throw new Error('not now');
      },
    });
    const result = await world.engine.runner.run(agent, 'hello', { session: store });
    expect(result.finalOutput).toBe('echo: hello');
    expect(world.tracing.capture.tree()).toContain('invoke_agent Guide [no session] run.start');
    expect(world.tracing.diagnostics).toEqual([]);
  });
});

describe('several agents', () => {
  test('that hand over are a workflow, each agent with its own span', async () => {
    const billing = new Agent({ name: 'Billing', tools: [weather] });
    const triage = new Agent({ name: 'Triage', handoffs: [billing] });
    const result = await withSession('conv-42', () => world.engine.runner.run(triage, '#handoff'));
    expect(result.lastAgent?.name).toBe('Billing');
    expect(world.tracing.capture).toPassChecks();
    expect(world.tracing.capture.tree()).toMatchInlineSnapshot(`
      "invoke_workflow Triage [session conv-42] run.start
        invoke_agent Triage
          chat test-model
        invoke_agent Billing
          chat test-model"
    `);
  });

  test('are a workflow of the name that the runner is given', async () => {
    const triage = new Agent({ name: 'Triage', handoffs: [new Agent({ name: 'Billing' })] });
    const runner = new Runner({ ...world.engine.runner.config, workflowName: 'Support' });
    await withSession('conv-42', () => runner.run(triage, 'hello'));
    expect(world.tracing.capture.tree()).toMatchInlineSnapshot(`
      "invoke_workflow Support [session conv-42] run.start
        invoke_agent Triage
          chat test-model"
    `);
  });

  test('are measured each, and their workflow as none of them', async () => {
    const reader = new PeriodicExportingMetricReader({ exporter: world.tracing.capture.metricExporter });
    const meters = new MeterProvider({ readers: [reader] });
    metrics.setGlobalMeterProvider(meters);
    try {
      const triage = new Agent({ name: 'Triage', handoffs: [new Agent({ name: 'Billing' })] });
      await world.engine.runner.run(triage, '#handoff', { session: new RecordingStore('store-1') });
      await reader.forceFlush();
    } finally {
      metrics.disable();
      await meters.shutdown();
    }
    const measured = world.tracing.capture.index.metrics.map(({ name, series }) => [
      name,
      series.map((one) => one['gen_ai.agent.name'] ?? one['gen_ai.operation.name']),
    ]);
    expect(Object.fromEntries(measured)).toMatchObject({
      'gen_ai.invoke_agent.duration': ['Triage', 'Billing'],
      'gen_ai.client.operation.duration': ['chat'],
    });
  });

  test('of which one is a tool of the other nest in the tool’s span', async () => {
    const helper = new Agent({ name: 'Helper' });
    const boss = new Agent({ name: 'Boss', tools: [helper.asTool({ toolName: 'helper' })] });
    await withSession('conv-42', () => world.engine.runner.run(boss, '#helper'));
    expect(world.tracing.capture).toHaveSession('conv-42', { turns: 1 });
    expect(world.tracing.capture).toPassChecks();
    expect(world.tracing.capture.tree()).toMatchInlineSnapshot(`
      "invoke_workflow Boss [session conv-42] run.start
        invoke_agent Boss
          chat test-model
          execute_tool helper
            invoke_agent Helper run.start
              chat test-model
          chat test-model"
    `);
  });

  test('of which one is a tool and streams nest in the tool’s span', async () => {
    const helper = new Agent({ name: 'Helper' });
    const events: string[] = [];
    const boss = new Agent({
      name: 'Boss',
      tools: [helper.asTool({ toolName: 'helper', onStream: ({ event }) => void events.push(event.type) })],
    });
    await withSession('conv-42', () => world.engine.runner.run(boss, '#helper'));
    expect(events.length).toBeGreaterThan(0);
    expect(world.tracing.capture).toPassChecks();
    expect(world.tracing.capture.tree()).toMatchInlineSnapshot(`
      "invoke_workflow Boss [session conv-42] run.start
        invoke_agent Boss
          chat test-model
          execute_tool helper
            invoke_agent Helper run.start
              chat test-model
          chat test-model"
    `);
  });

  test('that work at the same time keep every span on its own id', async () => {
    const agent = new Agent({ name: 'Guide', tools: [weather] });
    const names = ['a', 'b', 'c', 'd', 'e'];
    const answers = await Promise.all(
      names.map(async (name) => {
        const session = new MemorySession();
        let last: unknown;
        for (let turn = 0; turn < 3; turn++)
          last = (await withSession(`conv-${name}`, () => world.engine.runner.run(agent, '#weather', { session })))
            .finalOutput;
        return last;
      }),
    );
    expect(answers).toEqual(names.map((name) => `rain for conv-${name}`));
    for (const name of names) expect(world.tracing.capture).toHaveSession(`conv-${name}`, { turns: 3 });
    expect(world.tracing.capture).toPassChecks();
  });
});

test('content is recorded where that is asked for, of each kind of call', async () => {
  world.observation.stop();
  const observation = observe(openaiAgents, Runner, { content: 'all' });
  await world.engine.runner.run(new Agent({ name: 'Guide', tools: [weather] }), '#weather', {
    conversationId: 'conv_1',
  });
  observation.stop();
  const { spans } = world.tracing.capture;
  const of = (name: string, attribute: string): unknown =>
    spans.find((span) => span.name.startsWith(name))?.attributes[`gen_ai.${attribute}`];
  expect(of('invoke_agent', 'input.messages')).toBe('#weather');
  expect(of('invoke_agent', 'output.messages')).toBe('rain for conv_1');
  expect(of('chat', 'input.messages')).toContain('#weather');
  expect(of('chat', 'output.messages')).toContain('function_call');
  expect(of('execute_tool', 'tool.call.arguments')).toBe('{"city":"Oslo"}');
  expect(of('execute_tool', 'tool.call.result')).toBe('rain for conv_1');
});

describe('a guardrail', () => {
  const agent = (rest: object): Agent => new Agent({ name: 'Guide', ...rest });

  test('on the input that trips is the run’s error, by its name', async () => {
    const guarded = agent({
      inputGuardrails: [
        { name: 'no', runInParallel: false, execute: async () => ({ tripwireTriggered: true, outputInfo: {} }) },
      ],
    });
    await expect(withSession('conv-42', () => world.engine.runner.run(guarded, 'hello'))).rejects.toThrow(
      InputGuardrailTripwireTriggered,
    );
    expect(world.tracing.capture).toPassChecks();
    expect(world.tracing.capture.tree()).toMatchInlineSnapshot(`
      "invoke_agent Guide [session conv-42] run.start (error InputGuardrailTripwireTriggered)
        guardrail no (error tripwire)"
    `);
  });

  test('on the input that trips beside the model call leaves nothing open', async () => {
    const guarded = agent({
      inputGuardrails: [
        {
          name: 'no',
          execute: async () => {
            await expect.poll(() => world.server.requests).toHaveLength(1);
            return { tripwireTriggered: true, outputInfo: {} };
          },
        },
      ],
    });
    await expect(withSession('conv-42', () => world.engine.runner.run(guarded, '#slow'))).rejects.toThrow(
      InputGuardrailTripwireTriggered,
    );
    expect(world.tracing.capture).toPassChecks();
    expect(world.tracing.capture.tree()).toMatchInlineSnapshot(`
      "invoke_agent Guide [session conv-42] run.start (error InputGuardrailTripwireTriggered)
        guardrail no (error tripwire)
        chat test-model"
    `);
  });

  test('on the output that trips still writes the history inside the run', async () => {
    const guarded = agent({
      outputGuardrails: [{ name: 'no', execute: async () => ({ tripwireTriggered: true, outputInfo: {} }) }],
    });
    const session = new RecordingStore('store-1');
    await expect(world.engine.runner.run(guarded, 'hello', { session })).rejects.toThrow(
      OutputGuardrailTripwireTriggered,
    );
    expect(new Set(session.seen)).toEqual(new Set(['store-1']));
    expect(world.tracing.capture).toPassChecks();
    expect(world.tracing.capture.tree()).toMatchInlineSnapshot(`
      "invoke_agent Guide [session store-1] run.start (error OutputGuardrailTripwireTriggered)
        session getItems
          SQL getItems
        chat test-model
        guardrail no (error tripwire)
        session addItems
          SQL addItems"
    `);
  });

  test('that runs an agent of its own nests that run', async () => {
    const judge = new Agent({ name: 'Judge' });
    const guarded = agent({
      inputGuardrails: [
        {
          name: 'ask',
          runInParallel: false,
          execute: async () => {
            await world.engine.runner.run(judge, 'fine?');
            return { tripwireTriggered: false, outputInfo: {} };
          },
        },
      ],
    });
    await withSession('conv-42', () => world.engine.runner.run(guarded, 'hello'));
    expect(world.tracing.capture).toHaveSession('conv-42', { turns: 1 });
    expect(world.tracing.capture).toPassChecks();
    expect(world.tracing.capture.tree()).toMatchInlineSnapshot(`
      "invoke_agent Guide [session conv-42] run.start
        guardrail ask
          invoke_agent Judge run.start
            chat test-model
        chat test-model"
    `);
  });
});

describe('a person who is waited for', () => {
  const guarded = tool({ ...approvalOptions, execute: async () => `rain for ${currentSession()?.id}` });
  const agent = new Agent({ name: 'Guide', tools: [guarded] });

  test('ends the turn; the next one goes on from the live state', async () => {
    const first = await withSession('conv-42', () => world.engine.runner.run(agent, '#weather'));
    first.state.approve(first.interruptions[0]!);
    const second = await withSession('conv-42', () => world.engine.runner.run(agent, first.state));
    expect(second.finalOutput).toBe('rain for conv-42');
    expect(world.tracing.capture).toHaveSession('conv-42', { turns: 2 });
    expect(world.tracing.capture).toPassChecks();
    expect(world.tracing.capture.tree()).toMatchInlineSnapshot(`
      "invoke_agent Guide [session conv-42] run.start
        chat test-model
      invoke_agent Guide [session conv-42] run.start -> previous turn
        execute_tool weather
        chat test-model"
    `);
    const events = world.tracing.capture.index.runs[0]?.root.events.map(({ name, attributes }) => [
      name,
      attributes['turnkeeper.wait.reason'],
    ]);
    expect(events).toContainEqual(['run.wait', 'approval']);
  });

  test('is waited for across processes: the next turn goes on from a string', async () => {
    const billing = new Agent({ name: 'Billing', tools: [guarded] });
    const triage = new Agent({ name: 'Triage', handoffs: [billing] });
    world.server.script([
      { toolCalls: [{ name: 'transfer_to_Billing' }] },
      { toolCalls: [{ name: 'weather', arguments: { city: 'Oslo' } }] },
      'done',
    ]);
    const first = await withSession('conv-42', () => world.engine.runner.run(triage, 'hello'));
    const state = await RunState.fromString(triage, first.state.toString());
    state.approve(state.getInterruptions()[0]!);
    const second = await withSession('conv-42', () => world.engine.runner.run(triage, state));
    expect(second.finalOutput).toBe('done');
    expect(world.tracing.capture).toHaveSession('conv-42', { turns: 2 });
    expect(world.tracing.capture).toPassChecks();
    expect(world.tracing.capture.tree()).toMatchInlineSnapshot(`
      "invoke_workflow Triage [session conv-42] run.start
        invoke_agent Triage
          chat test-model
        invoke_agent Billing
          chat test-model
      invoke_workflow Triage [session conv-42] run.start -> previous turn
        invoke_agent Billing
          execute_tool weather
          chat test-model"
    `);
  });

  test('is waited for inside an agent that is a tool, and both go on in the next turn', async () => {
    const helper = new Agent({ name: 'Helper', tools: [guarded] });
    const boss = new Agent({ name: 'Boss', tools: [helper.asTool({ toolName: 'helper' })] });
    world.server.script([
      { toolCalls: [{ name: 'helper', arguments: { input: 'hi' } }] },
      { toolCalls: [{ name: 'weather', arguments: { city: 'Oslo' } }] },
      'helped',
      'done',
    ]);
    const first = await withSession('conv-42', () => world.engine.runner.run(boss, 'hello'));
    const state = await RunState.fromString(boss, first.state.toString());
    state.approve(state.getInterruptions()[0]!);
    const second = await withSession('conv-42', () => world.engine.runner.run(boss, state));
    expect(second.finalOutput).toBe('done');
    expect(world.tracing.capture).toHaveSession('conv-42', { turns: 2 });
    expect(world.tracing.capture).toPassChecks();
    expect(world.tracing.capture.tree()).toMatchInlineSnapshot(`
      "invoke_workflow Boss [session conv-42] run.start
        invoke_agent Boss
          chat test-model
          execute_tool helper
            invoke_agent Helper run.start
              chat test-model
      invoke_workflow Boss [session conv-42] run.start -> previous turn
        invoke_agent Boss
          execute_tool helper
            invoke_agent Helper run.start
              execute_tool weather
              chat test-model
          chat test-model"
    `);
  });

  test('who says no leaves no span of a tool', async () => {
    const first = await withSession('conv-42', () => world.engine.runner.run(agent, '#weather'));
    first.state.reject(first.interruptions[0]!);
    await withSession('conv-42', () => world.engine.runner.run(agent, first.state));
    expect(world.tracing.capture).toPassChecks();
    expect(world.tracing.capture.tree()).not.toContain('execute_tool');
  });

  test('is waited for on the conversation that the state remembers', async () => {
    const first = await world.engine.runner.run(agent, '#weather', { conversationId: 'conv_9' });
    first.state.approve(first.interruptions[0]!);
    await world.engine.runner.run(agent, first.state);
    expect(world.tracing.capture).toHaveSession('conv_9', { turns: 2 });
  });
});
