import { createRequire } from 'node:module';
import { defineTool, type AgentSession } from '@earendil-works/pi-coding-agent';
import { byMarker, startModelServer, type Script } from '@turnkeeper/model-server';
import { openPi } from '@turnkeeper/model-server/pi';
import { pi } from '../../src/adapters/pi/index.ts';
import type { ScenarioRecorder } from '../record.ts';

const QUESTION = 'a question of the user’s';
const ANSWER = 'an answer of the model’s';
const CITY = 'Svalbard';

const weather = defineTool({
  name: 'weather',
  label: 'Weather',
  description: 'The weather of a city',
  parameters: { type: 'object', properties: { city: { type: 'string' } } },
  execute: () => Promise.resolve({ content: [{ type: 'text', text: `${CITY}: snow` }], details: undefined }),
});

type Play = (session: AgentSession) => Promise<unknown>;

const ask: Play = (session) => session.prompt(QUESTION);

/** Pi’s scenarios, each on a session of its own. */
export async function recordPi(record: ScenarioRecorder): Promise<void> {
  const { version } = createRequire(import.meta.resolve('@earendil-works/pi-coding-agent'))('../package.json');
  const play = async (scenario: Parameters<ScenarioRecorder>[0], script: Script, outcomes: readonly string[], run: Play): Promise<void> => {
    await using server = await startModelServer({ script });
    await using running = await openPi({ url: server.url, id: 'pi-own', tools: [weather] });
    const header = {
      engine: '@earendil-works/pi-coding-agent',
      version,
      sessions: outcomes.map(() => 'pi-own'),
      outcomes,
      content: [QUESTION, ANSWER, CITY],
    };
    await record(scenario, header, pi, running.session, () => run(running.session));
  };
  const tool = byMarker({ question: { toolCalls: [{ name: 'weather', arguments: { city: CITY } }] } }, ANSWER);
  await play('turn', ANSWER, ['ok'], ask);
  await play('conversation', ANSWER, ['ok', 'ok', 'ok'], async (session) => {
    for (let turn = 0; turn < 3; turn++) await ask(session);
  });
  await play('tool', tool, ['ok'], ask);
  await play('retry', [{ status: 503, message: 'overloaded' }, ANSWER], ['ok'], ask);
  await play('failure', { status: 400, message: 'no such thing' }, ['400'], ask);
  await play('cancelled', { text: ANSWER, ending: 'never' }, ['cancelled'], async (session) => {
    const prompt = ask(session);
    await new Promise<void>((resolve) => session.subscribe(({ type }) => type === 'message_update' && resolve()));
    await session.abort();
    await prompt;
  });
}
