/** The contract's scenarios on a real sandbox-agent daemon, with the scripted agent. */
import { setTimeout as wait } from 'node:timers/promises';
import { openRivet } from '@turnkeeper/model-server/rivet';
import type { RecordingHeader } from '@turnkeeper/check/contract';
import type { SandboxAgent, Session } from 'sandbox-agent';
import { rivet } from '../../src/adapters/rivet/index.ts';
import type { ScenarioRecorder } from '../record.ts';

const QUESTION = 'a question of the user’s';

export async function recordRivet(record: ScenarioRecorder): Promise<void> {
  await using daemon = await openRivet();
  const header = (sessions: readonly string[], outcomes: readonly string[]): RecordingHeader => ({
    engine: 'sandbox-agent',
    version: '0.4.2',
    sessions,
    outcomes,
    content: [QUESTION, '/home/somebody'],
  });
  const play = async (
    scenario: Parameters<ScenarioRecorder>[0],
    ends: RecordingHeader,
    turns: (sessions: readonly Session[], client: SandboxAgent) => Promise<unknown>,
  ): Promise<void> => {
    const client = await daemon.connect();
    const names = [...new Set(ends.sessions)].filter((name) => name !== null);
    const open = (id: string): Promise<Session> => client.createSession({ id, agent: 'cursor', cwd: daemon.cwd });
    const sessions = await Promise.all(names.map(open));
    await record(scenario, ends, rivet, client, async () => {
      await turns(sessions, client);
      // What a turn says may come after its answer.
      await wait(200);
    });
  };
  const say = (session: Session | undefined, words = ''): Promise<unknown> | undefined =>
    session?.prompt([{ type: 'text', text: `${QUESTION} ${words}` }]);

  await play('turn', header(['local-1'], ['ok']), ([session]) => Promise.resolve(say(session, '#usage')));
  await play('conversation', header(['local-1', 'local-1', 'local-1'], ['ok', 'ok', 'ok']), async ([session]) => {
    for (let turn = 0; turn < 3; turn += 1) await say(session);
  });
  await play('tool', header(['local-1'], ['ok']), ([session]) => Promise.resolve(say(session, '#tool')));
  await play('failure', header(['local-1'], ['-32603']), async ([session]) => {
    await say(session, '#fail')?.catch(() => {});
  });
  await play('cancelled', header(['local-1'], ['cancelled']), async ([session], client) => {
    const turn = say(session, '#wait');
    await wait(50);
    await client.destroySession('local-1');
    await turn;
  });
  await play('side-by-side', header(['local-1', 'local-2'], ['ok', 'ok']), (sessions) =>
    Promise.all(sessions.map((session) => say(session, '#tool'))),
  );
  await play('wait', header(['local-1'], ['ok']), async ([session], client) => {
    session?.onPermissionRequest(({ id }) => void client.respondPermission(id, 'once'));
    await say(session, '#tool #permission');
  });
}
