import {
  Agent,
  InputGuardrailTripwireTriggered,
  MemorySession,
  OutputGuardrailTripwireTriggered,
  Runner,
} from '@openai/agents';
import '@turnkeeper/check/vitest';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { observe } from '../../observe.ts';
import { withSession } from '../../session/active-session.ts';
import { RecordingStore, startOpenAIWorld, weather, type OpenAIWorld } from '../../testing/openai-agents.ts';
import { openaiAgents } from './index.ts';

let world: OpenAIWorld;
beforeEach(async () => {
  world = await startOpenAIWorld();
});
afterEach(() => world[Symbol.asyncDispose]());
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
