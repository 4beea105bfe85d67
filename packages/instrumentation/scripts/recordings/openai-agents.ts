import { Agent, MemorySession, OpenAIConversationsSession, Runner, tool } from '@openai/agents';
import { byMarker, startModelServer, type Script } from '@turnkeeper/model-server';
import { openOpenAIAgents, type OpenOpenAIAgents } from '@turnkeeper/model-server/openai-agents';
import { z } from 'zod';
import { openaiAgents } from '../../src/adapters/openai-agents/index.ts';
import type { ScenarioRecorder } from '../record.ts';

const QUESTION = 'a question of the user’s';
const ANSWER = 'an answer of the model’s';
const CITY = 'Svalbard';

const weather = tool({
  name: 'weather',
  description: 'The weather of a city',
  parameters: z.object({ city: z.string() }),
  execute: () => Promise.resolve(`${CITY}: snow`),
});
const careful = tool({
  name: 'careful',
  description: 'Asks first',
  parameters: z.object({ city: z.string() }),
  needsApproval: true,
  execute: () => Promise.resolve(`${CITY}: snow`),
});

type Play = (engine: OpenOpenAIAgents) => Promise<unknown>;

/** The scenarios of OpenAI Agents, each on a model server of its own. */
export async function recordOpenAIAgents(record: ScenarioRecorder): Promise<void> {
  const play = async (
    scenario: Parameters<ScenarioRecorder>[0],
    script: Script,
    runs: readonly (readonly [session: string | null, outcome: string])[],
    run: Play,
  ): Promise<void> => {
    await using server = await startModelServer({ script });
    const engine = openOpenAIAgents({ url: server.url, maxRetries: 1 });
    const header = {
      engine: '@openai/agents',
      version: '0.20.0',
      sessions: runs.map(([session]) => session),
      outcomes: runs.map(([, outcome]) => outcome),
      content: [QUESTION, ANSWER, CITY],
    };
    await record(scenario, header, openaiAgents, Runner, () => run(engine));
  };
  const agent = new Agent({ name: 'Assistant', tools: [weather, careful] });
  const session = (): MemorySession => new MemorySession({ sessionId: 'memory-1' });
  const ask =
    (id = 'memory-1'): Play =>
    ({ runner }) =>
      runner.run(agent, QUESTION, { session: new MemorySession({ sessionId: id }) });
  const calls = (name: string): Script =>
    byMarker({ question: { toolCalls: [{ name, arguments: name === 'helper' ? { input: QUESTION } : { city: CITY } }] } }, ANSWER);

  await play('turn', ANSWER, [['memory-1', 'ok']], ask());
  await play('conversation', ANSWER, Array.from({ length: 3 }, () => ['memory-1', 'ok'] as const), async ({ runner }) => {
    const store = session();
    for (let turn = 0; turn < 3; turn++) await runner.run(agent, QUESTION, { session: store });
  });
  await play('tool', calls('weather'), [['memory-1', 'ok']], ask());
  await play('retry', [{ status: 503, message: 'overloaded' }, ANSWER], [['memory-1', 'ok']], ask());
  await play('failure', { status: 400, message: 'no such thing' }, [['memory-1', '400']], async (engine) => {
    await ask()(engine).catch(() => {});
  });
  await play('cancelled', { text: ANSWER, ending: 'never' }, [['memory-1', 'cancelled']], async ({ runner }) => {
    const controller = new AbortController();
    const result = await runner.run(agent, QUESTION, { session: session(), stream: true, signal: controller.signal });
    for await (const _event of result) controller.abort();
    await result.completed.catch(() => {});
  });
  await play(
    'side-by-side',
    calls('weather'),
    [
      ['memory-1', 'ok'],
      ['memory-2', 'ok'],
    ],
    (engine) => Promise.all([ask()(engine), ask('memory-2')(engine)]),
  );
  await play('wait', calls('careful'), [['memory-1', 'ok'], ['memory-1', 'ok']], async ({ runner }) => {
    const store = session();
    const stopped = await runner.run(agent, QUESTION, { session: store });
    for (const interruption of stopped.interruptions) stopped.state.approve(interruption);
    await runner.run(agent, stopped.state, { session: store });
  });
  const helper = new Agent({ name: 'Helper' }).asTool({ toolName: 'helper', toolDescription: 'Helps' });
  const chief = new Agent({ name: 'Chief', tools: [helper] });
  const nested: Script = (request) =>
    request.toolNames.includes('helper') && request.toolResults.length === 0
      ? { toolCalls: [{ name: 'helper', arguments: { input: QUESTION } }] }
      : ANSWER;
  await play('nested', nested, [['memory-1', 'ok'], [null, 'ok']], ({ runner }) => runner.run(chief, QUESTION, { session: session() }));
  await play('late-session', ANSWER, [['conv_1', 'ok']], ({ runner, client }) =>
    runner.run(agent, QUESTION, { session: new OpenAIConversationsSession({ client }) }),
  );
}
