import { Agent, RunState, tool } from '@openai/agents';
import '@turnkeeper/check/vitest';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { currentSession, withSession } from '../../session/active-session.ts';
import { approvalOptions, startOpenAIWorld, type OpenAIWorld } from '../../testing/openai-agents.ts';

let world: OpenAIWorld;
beforeEach(async () => {
  world = await startOpenAIWorld();
});
afterEach(() => world[Symbol.asyncDispose]());

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
