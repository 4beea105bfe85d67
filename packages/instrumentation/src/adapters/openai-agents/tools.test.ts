import { setTimeout } from 'node:timers/promises';
import { Agent, Runner, tool, ToolGuardrailFunctionOutputFactory, type Tool } from '@openai/agents';
import { assistantMessage, functionCall, ScriptedModel } from '@openai/agents/testing';
import { trace } from '@opentelemetry/api';
import '@turnkeeper/check/vitest';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { currentSession, withSession } from '../../session/active-session.ts';
import { startOpenAIWorld, type OpenAIWorld } from '../../testing/openai-agents.ts';

let world: OpenAIWorld;
beforeEach(async () => {
  world = await startOpenAIWorld();
});
afterEach(() => world[Symbol.asyncDispose]());

const parameters = z.object({ city: z.string() });
const described = { name: 'weather', description: 'The weather of a city', parameters } as const;
const calling = (...ids: readonly string[]) =>
  ids.map((callId) => functionCall('weather', { city: callId }, { callId }));

/** An agent whose model calls this tool with arguments that it does not take. */
const mistaken = (lookup: Tool): Agent => {
  const wrong = functionCall('weather', { town: 1 }, { callId: 'a' });
  return new Agent({ name: 'Guide', model: new ScriptedModel([[wrong], [assistantMessage('done')]]), tools: [lookup] });
};

describe('a tool', () => {
  test('that is called twice at once works in two spans, each with its own work', async () => {
    const lookup = tool({
      ...described,
      execute: async ({ city }) => {
        await setTimeout(city === 'a' ? 20 : 5);
        trace.getTracer('database').startSpan(`SELECT ${city}`).end();
        return `${city} for ${currentSession()?.id}`;
      },
    });
    const model = new ScriptedModel([calling('a', 'b'), [assistantMessage('done')]]);
    await withSession('conv-42', () => new Runner().run(new Agent({ name: 'Guide', model, tools: [lookup] }), 'hello'));
    expect(world.tracing.capture).toPassChecks();
    expect(world.tracing.capture.tree()).toMatchInlineSnapshot(`
      "invoke_agent Guide [session conv-42] run.start
        chat
        execute_tool weather
          SELECT a
        execute_tool weather
          SELECT b
        chat"
    `);
  });

  test('that throws is an error, also where the SDK turns it into an answer', async () => {
    const broken = tool({
      ...described,
      execute: async () => {
        throw new RangeError('no such city');
      },
    });
    const result = await withSession('conv-42', () =>
      world.engine.runner.run(new Agent({ name: 'Guide', tools: [broken] }), '#weather'),
    );
    expect(result.finalOutput).toContain('An error occurred while running the tool');
    expect(world.tracing.capture).toPassChecks();
    expect(world.tracing.capture.tree()).toMatchInlineSnapshot(`
      "invoke_agent Guide [session conv-42] run.start
        chat test-model
        execute_tool weather (error tool_error)
        chat test-model"
    `);
  });

  test('that answers for its error as the SDK does up to 0.18 is an error', async () => {
    const errorFunction = (_context: unknown, error: unknown) =>
      `An error occurred while running the tool. Please try again. Error: ${String(error)}`;
    const lookup = tool({ ...described, errorFunction, execute: async () => 'never' });
    await withSession('conv-42', () => new Runner().run(mistaken(lookup), 'hello'));
    expect(world.tracing.capture.tree()).toContain('execute_tool weather (error tool_error)');
  });

  test('that throws, and may, fails the run in its own words and both spans by their name', async () => {
    const broken = tool({
      ...described,
      errorFunction: null,
      execute: async () => {
        throw new RangeError('no such city');
      },
    });
    const run = withSession('conv-42', () =>
      world.engine.runner.run(new Agent({ name: 'Guide', tools: [broken] }), '#weather'),
    );
    await expect(run).rejects.toThrow('no such city');
    expect(world.tracing.capture).toPassChecks();
    expect(world.tracing.capture.tree()).toMatchInlineSnapshot(`
      "invoke_agent Guide [session conv-42] run.start (error ToolCallError)
        chat test-model
        execute_tool weather (error RangeError)"
    `);
  });

  test('that is called with arguments it does not take is an error, also where the SDK turns it into an answer', async () => {
    const lookup = tool({ ...described, execute: async () => 'never' });
    await withSession('conv-42', () => new Runner().run(mistaken(lookup), 'hello'));
    expect(world.tracing.capture).toPassChecks();
    expect(world.tracing.capture.tree()).toMatchInlineSnapshot(`
      "invoke_agent Guide [session conv-42] run.start
        chat
        execute_tool weather (error tool_error)
        chat"
    `);
  });

  test('that is called with such arguments, and may fail the run, is an error by its name', async () => {
    const lookup = tool({ ...described, errorFunction: null, execute: async () => 'never' });
    const run = withSession('conv-42', () => new Runner().run(mistaken(lookup), 'hello'));
    await expect(run).rejects.toThrow('Invalid input for function tool');
    expect(world.tracing.capture).toPassChecks();
    expect(world.tracing.capture.tree()).toMatchInlineSnapshot(`
      "invoke_agent Guide [session conv-42] run.start (error ToolCallError)
        chat
        execute_tool weather (error InvalidToolInputError)"
    `);
  });

  test('that takes too long is an error, whatever it answers later', async () => {
    const slow = tool({ ...described, timeoutMs: 20, execute: async () => setTimeout(100, 'late') });
    await withSession('conv-42', () =>
      world.engine.runner.run(new Agent({ name: 'Guide', tools: [slow] }), '#weather'),
    );
    await setTimeout(120);
    expect(world.tracing.capture).toPassChecks();
    expect(world.tracing.capture.tree()).toMatchInlineSnapshot(`
      "invoke_agent Guide [session conv-42] run.start
        chat test-model
        execute_tool weather (error ToolTimeoutError)
        chat test-model"
    `);
  });

  test('keeps its own invoke: the SDK knows its parser by that function', async () => {
    const invokes: unknown[] = [];
    const asked: unknown[] = [];
    const lookup = tool({
      ...described,
      needsApproval: async (_context, input) => {
        asked.push(input);
        return false;
      },
      execute: async (input) => {
        invokes.push(lookup.invoke);
        await setTimeout(1);
        invokes.push(lookup.invoke);
        return JSON.stringify(input);
      },
    });
    const own = lookup.invoke;
    const agent = new Agent({ name: 'Guide', tools: [lookup] });
    await withSession('conv-42', () => world.engine.runner.run(agent, '#weather'));
    expect(asked).toEqual([{ city: 'Oslo' }]);
    expect(invokes).toEqual([own, own]);
    expect(Object.keys(lookup)).toContain('invoke');
  });

  test('that is approved by a rule of its input goes on after the approval', async () => {
    const lookup = tool({
      ...described,
      needsApproval: async (_context, { city }) => city === 'Oslo',
      execute: async () => 'rain',
    });
    const agent = new Agent({ name: 'Guide', tools: [lookup] });
    const first = await withSession('conv-42', () => world.engine.runner.run(agent, '#weather'));
    expect(first.interruptions).toHaveLength(1);
    first.state.approve(first.interruptions[0]!);
    const second = await withSession('conv-42', () => world.engine.runner.run(agent, first.state));
    expect(second.finalOutput).toBe('rain');
    expect(world.tracing.capture).toPassChecks();
  });

  test('that is frozen is called, and its work is the run’s', async () => {
    const lookup = Object.freeze(tool({ ...described, execute: async () => `rain for ${currentSession()?.id}` }));
    const result = await withSession('conv-42', () =>
      world.engine.runner.run(new Agent({ name: 'Guide', tools: [lookup] }), '#weather'),
    );
    expect(result.finalOutput).toBe('rain for conv-42');
    expect(world.tracing.capture).toPassChecks();
  });

  test('whose guardrail rejects is not invoked, and keeps nothing of ours', async () => {
    const lookup = tool({
      ...described,
      inputGuardrails: [
        { name: 'not Oslo', run: async () => ToolGuardrailFunctionOutputFactory.rejectContent('not Oslo') },
      ],
      execute: async () => 'never',
    });
    const own = lookup.invoke;
    const result = await withSession('conv-42', () =>
      world.engine.runner.run(new Agent({ name: 'Guide', tools: [lookup] }), '#weather'),
    );
    expect(result.finalOutput).toBe('not Oslo');
    expect(lookup.invoke).toBe(own);
    expect(world.tracing.capture).toPassChecks();
    expect(world.tracing.capture.tree()).toMatchInlineSnapshot(`
      "invoke_agent Guide [session conv-42] run.start
        chat test-model
        guardrail not Oslo
        execute_tool weather
        chat test-model"
    `);
  });

  test('whose guardrail trips has stopped the run', async () => {
    const lookup = tool({
      ...described,
      outputGuardrails: [{ name: 'leak', run: async () => ToolGuardrailFunctionOutputFactory.throwException() }],
      execute: async () => 'secret',
    });
    const run = withSession('conv-42', () =>
      world.engine.runner.run(new Agent({ name: 'Guide', tools: [lookup] }), '#weather'),
    );
    await expect(run).rejects.toThrow('leak');
    expect(world.tracing.capture).toPassChecks();
    expect(world.tracing.capture.tree()).toMatchInlineSnapshot(`
      "invoke_agent Guide [session conv-42] run.start (error ToolCallError)
        chat test-model
        execute_tool weather
        guardrail leak (error tripwire)"
    `);
  });
});
