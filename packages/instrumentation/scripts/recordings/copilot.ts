import { setTimeout as sleep } from 'node:timers/promises';
import { createRequire } from 'node:module';
import { approveAll, CopilotClient, RuntimeConnection, type CopilotSession, type SessionConfig } from '@github/copilot-sdk';
import { startModelServer, type Script } from '@turnkeeper/model-server';
import { openCopilot } from '@turnkeeper/model-server/copilot';
import { startCopilotRuntime } from '@turnkeeper/model-server/copilot-runtime';
import { copilot } from '../../src/adapters/copilot/index.ts';
import type { ScenarioRecorder } from '../record.ts';

const QUESTION = 'a question of the user’s';
const ANSWER = 'an answer of the model’s';
const CITY = 'Svalbard';

const weather = {
  name: 'weather',
  description: 'The weather of a city',
  parameters: { type: 'object', properties: { city: { type: 'string' } } },
  handler: () => `${CITY}: snow`,
};

const researcher = { name: 'researcher', description: 'Looks things up', prompt: 'Look.' };

/** Copilot’s scenarios on its real runtime; the one that needs a cloud on a runtime of ours. */
export async function recordCopilot(record: ScenarioRecorder): Promise<void> {
  const { version } = createRequire(import.meta.resolve('@github/copilot-sdk'))('../package.json');
  const headerOf = (sessions: readonly string[], outcomes: readonly string[]) => ({
    engine: '@github/copilot-sdk',
    version,
    sessions,
    outcomes,
    content: [QUESTION, ANSWER, CITY],
  });
  type Open = (config?: SessionConfig) => Promise<CopilotSession>;
  const play = async (
    scenario: Parameters<ScenarioRecorder>[0],
    script: Script,
    [sessions, outcomes]: readonly [readonly string[], readonly string[]],
    run: (open: Open) => Promise<unknown>,
  ): Promise<void> => {
    await using server = await startModelServer({ script });
    await using running = await openCopilot({ url: server.url, tools: [{ ...weather, skipPermission: scenario !== 'wait' }] });
    const open: Open = (config = {}) => running.client.createSession({ ...running.config, sessionId: 'own', ...config });
    await record(scenario, headerOf(sessions, outcomes), copilot, running.client, () => run(open));
  };
  const one = [['own'], ['ok']] as const;
  const ask = async (open: Open): Promise<unknown> => (await open()).sendAndWait(QUESTION);
  const tool: Script = ({ messages, toolResults }) =>
    messages.at(-1)?.role === 'user' && toolResults.length === 0
      ? { toolCalls: [{ name: 'weather', arguments: { city: CITY } }] }
      : ANSWER;
  const delegate: Script = ({ messages, lastUserText }) => {
    if (messages.at(-1)?.role !== 'user') return ANSWER;
    if (lastUserText.includes('DELEGATED')) return { toolCalls: [{ name: 'weather', arguments: { city: CITY } }] };
    const asked = { agent_type: 'researcher', description: 'look', name: 'helper', prompt: 'DELEGATED', mode: 'sync' };
    return { toolCalls: [{ name: 'task', arguments: asked }] };
  };

  await play('turn', ANSWER, one, ask);
  await play('conversation', ANSWER, [['own', 'own', 'own'], ['ok', 'ok', 'ok']], async (open) => {
    const session = await open();
    for (let turn = 0; turn < 3; turn++) await session.sendAndWait(QUESTION);
  });
  await play('tool', tool, one, ask);
  await play('retry', [{ status: 503, message: 'overloaded' }, ANSWER], one, ask);
  await play('failure', { status: 400, message: 'no such thing' }, [['own'], ['400']], async (open) => {
    const session = await open();
    const idle = new Promise<void>((resolve) => session.on('session.idle', () => resolve()));
    await session.sendAndWait(QUESTION).catch(() => {});
    await idle;
  });
  await play('cancelled', { text: ANSWER, ending: 'never' }, [['own'], ['cancelled']], async (open) => {
    const session = await open();
    const idle = new Promise<void>((resolve) => session.on('session.idle', () => resolve()));
    const answering = new Promise<void>((resolve) => session.on('assistant.message_start', () => resolve()));
    await session.send(QUESTION);
    await answering;
    await session.abort();
    await idle;
  });
  await play('side-by-side', { text: ANSWER, chunkDelayMs: 20 }, [['own-1', 'own-2'], ['ok', 'ok']], async (open) => {
    const sessions = await Promise.all(['own-1', 'own-2'].map((sessionId) => open({ sessionId })));
    await Promise.all(sessions.map((session) => session.sendAndWait(QUESTION)));
  });
  await play('nested', delegate, one, async (open) =>
    (await open({ customAgents: [researcher] })).sendAndWait(QUESTION),
  );
  await play('wait', tool, one, async (open) => {
    const onPermissionRequest: SessionConfig['onPermissionRequest'] = async () => {
      await sleep(20);
      return { kind: 'approve-once' };
    };
    return (await open({ onPermissionRequest })).sendAndWait(QUESTION);
  });

  await using runtime = await startCopilotRuntime({
    create: async (_params, playing) => {
      await playing.play('cloud-own', { prompt: QUESTION });
      return { sessionId: 'cloud-own' };
    },
  });
  const client = new CopilotClient({ connection: RuntimeConnection.forUri(runtime.url) });
  await record('late-session', headerOf(['cloud-own'], ['ok']), copilot, client, () =>
    client.createSession({ cloud: {}, onPermissionRequest: approveAll }),
  );
  await client.forceStop();
}
