import { Agent, handoff, type Model } from '@openai/agents';
import '@turnkeeper/check/vitest';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { withSession } from '../../session/active-session.ts';
import { startOpenAIWorld, type OpenAIWorld } from '../../testing/openai-agents.ts';

let world: OpenAIWorld;
beforeEach(async () => {
  world = await startOpenAIWorld();
});
afterEach(() => world[Symbol.asyncDispose]());

const helper = new Agent({ name: 'Helper' });
const ask = (text: string) => world.engine.runner.run(helper, text);

const tree = (): string => world.tracing.capture.tree();

/** Runs the agent in its session, and expects one turn of the conversation. */
async function turn(agent: Agent, text = 'hello'): Promise<void> {
  await withSession('conv-42', () => world.engine.runner.run(agent, text));
  expect(world.tracing.capture).toHaveSession('conv-42', { turns: 1 });
}

describe('a run that another one starts itself is in a step of that one', () => {
  test('in dynamic instructions', async () => {
    const agent = new Agent({ name: 'Guide', instructions: async () => (await ask('how?')).finalOutput ?? '' });
    await turn(agent);
    expect(world.tracing.capture).toPassChecks();
    expect(tree()).toMatchInlineSnapshot(`
      "invoke_agent Guide [session conv-42] run.start
        run Helper
          invoke_agent Helper run.start
            chat test-model
        chat test-model"
    `);
    const step = world.tracing.capture.index.spans.find(({ name }) => name === 'run Helper');
    expect(step?.attributes).toMatchObject({
      'session.id': 'conv-42',
      'turnkeeper.step.type': 'run',
      'turnkeeper.step.name': 'Helper',
    });
  });

  test('in a handoff, within the agent that hands over', async () => {
    const billing = new Agent({ name: 'Billing' });
    const onHandoff = async (): Promise<void> => void (await ask('note'));
    await turn(new Agent({ name: 'Triage', handoffs: [handoff(billing, { onHandoff })] }), '#handoff');
    expect(world.tracing.capture).toPassChecks();
    expect(tree()).toMatchInlineSnapshot(`
      "invoke_workflow Triage [session conv-42] run.start
        invoke_agent Triage
          chat test-model
          run Helper
            invoke_agent Helper run.start
              chat test-model
        invoke_agent Billing
          chat test-model"
    `);
  });

  test('in a model of the program’s own', async () => {
    const inner = await world.engine.provider.getModel('test-model');
    const model: Model = {
      getResponse: async (request) => {
        await ask('which?');
        return inner.getResponse(request);
      },
      getStreamedResponse: (request) => inner.getStreamedResponse(request),
    };
    await turn(new Agent({ name: 'Guide', model }));
    expect(world.tracing.capture).toPassChecks();
    expect(tree()).toMatchInlineSnapshot(`
      "invoke_agent Guide [session conv-42] run.start
        chat
          run Helper
            invoke_agent Helper run.start
              chat test-model"
    `);
  });

  test('which fails as it does', async () => {
    const instructions = () => ask('#bad').then(String, () => 'none');
    await turn(new Agent({ name: 'Guide', instructions }));
    expect(world.tracing.capture).toPassChecks();
    expect(tree()).toMatchInlineSnapshot(`
      "invoke_agent Guide [session conv-42] run.start
        run Helper (error 400)
          invoke_agent Helper run.start (error 400)
            chat test-model (error 400)
        chat test-model"
    `);
  });

  test('which ends when its stream does', async () => {
    const instructions = async (): Promise<string> => {
      const stream = await world.engine.runner.run(helper, '#long', { stream: true });
      await stream.completed;
      return String(stream.finalOutput);
    };
    await turn(new Agent({ name: 'Guide', instructions }));
    expect(world.tracing.capture).toPassChecks();
    expect(tree()).toMatchInlineSnapshot(`
      "invoke_agent Guide [session conv-42] run.start
        run Helper
          invoke_agent Helper run.start
            chat test-model
        chat test-model"
    `);
  });

  test('which ends with that one, and well, where nobody waits for it', async () => {
    const agent = new Agent({ name: 'Guide' });
    let following: Promise<unknown> | undefined;
    agent.on('agent_end', () => {
      following ??= ask('#slow');
    });
    await turn(agent);
    await following;
    expect(tree()).toMatchInlineSnapshot(`
      "invoke_agent Guide [session conv-42] run.start
        chat test-model
        run Helper
          invoke_agent Helper run.start
            chat test-model"
    `);
  });
});
