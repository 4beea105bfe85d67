/** The contract's scenarios on the real SDK of the protocol, with the scripted agent. */
import { setTimeout as wait } from 'node:timers/promises';
import { client, type ClientContext } from '@agentclientprotocol/sdk';
import type { RecordingHeader } from '@turnkeeper/check/contract';
import { scriptedAgent } from '@turnkeeper/model-server/acp-agent';
import { acp } from '../../src/adapters/acp/index.ts';
import type { ScenarioRecorder } from '../record.ts';

const QUESTION = 'a question of the user’s';

export async function recordAcp(record: ScenarioRecorder): Promise<void> {
  const header = (sessions: readonly string[], outcomes: readonly string[]): RecordingHeader => ({
    engine: '@agentclientprotocol/sdk',
    version: '2.4.0',
    sessions,
    outcomes,
    content: [QUESTION, '/home/somebody'],
  });
  const play = async (
    scenario: Parameters<ScenarioRecorder>[0],
    ends: RecordingHeader,
    turns: (agent: ClientContext, sessions: readonly string[]) => Promise<unknown>,
  ): Promise<void> => {
    const app = client().onRequest('session/request_permission', async () => {
      await wait(20);
      return { outcome: { outcome: 'selected', optionId: 'yes' } };
    });
    let made = 0;
    await record(scenario, ends, acp, app, async () => {
      const { agent } = app.connect(scriptedAgent({ nameSession: () => `agent-${(made += 1)}` }));
      await agent.request('initialize', { protocolVersion: 1 });
      const names = [...new Set(ends.sessions)];
      for (const _name of names) await agent.request('session/new', { cwd: '/', mcpServers: [] });
      await turns(
        agent,
        names.filter((name) => name !== null),
      );
    });
  };
  const say = (agent: ClientContext, sessionId = 'agent-1', words = ''): Promise<unknown> =>
    agent.request('session/prompt', { sessionId, prompt: [{ type: 'text', text: `${QUESTION} ${words}` }] });

  await play('turn', header(['agent-1'], ['ok']), (agent) => say(agent, 'agent-1', '#usage'));
  await play('conversation', header(['agent-1', 'agent-1', 'agent-1'], ['ok', 'ok', 'ok']), async (agent) => {
    for (let turn = 0; turn < 3; turn += 1) await say(agent);
  });
  await play('tool', header(['agent-1'], ['ok']), (agent) => say(agent, 'agent-1', '#tool'));
  await play('failure', header(['agent-1'], ['-32603']), (agent) => say(agent, 'agent-1', '#fail').catch(() => {}));
  await play('cancelled', header(['agent-1'], ['cancelled']), async (agent) => {
    const turn = say(agent, 'agent-1', '#wait');
    await wait(20);
    await agent.notify('session/cancel', { sessionId: 'agent-1' });
    await turn;
  });
  await play('side-by-side', header(['agent-1', 'agent-2'], ['ok', 'ok']), (agent, sessions) =>
    Promise.all(sessions.map((session) => say(agent, session, '#tool'))),
  );
  await play('wait', header(['agent-1'], ['ok']), (agent) => say(agent, 'agent-1', '#tool #permission'));
}
