/**
 * Three turns with the real Pi behind a real sandbox-agent daemon. Before the last, everything ends: a fresh process
 * with a daemon of its own resumes the session from a file. Rivet's local id stays, the agent's changes, and the
 * platform's `conv-42` is on all of it. Nothing in here knows of Turnkeeper but `withSession`.
 */
import { spawnSync } from 'node:child_process';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { withSession } from '@turnkeeper/instrumentation';
import { byMarker, startModelServer } from '@turnkeeper/model-server';
import { prepareRivet } from '@turnkeeper/model-server/rivet';
import { InMemorySessionPersistDriver, SandboxAgent, type Session } from 'sandbox-agent';
import { local } from 'sandbox-agent/local';

await using server = await startModelServer({
  script: byMarker({ files: { toolCalls: [{ name: 'bash', arguments: { command: 'ls' } }] } }, 'As you wish.'),
});
await using home = await prepareRivet({ url: server.url });
const persist = new InMemorySessionPersistDriver();
const sandbox = local({ binaryPath: home.binaryPath, env: home.env, log: 'silent' });

const [stored] = process.argv.slice(2);
if (stored === undefined) await begin();
else await resume(stored);

async function begin(): Promise<void> {
  const client = await SandboxAgent.start({ sandbox, persist });
  const session = await client.createSession({ id: 'local-1', agent: 'pi', cwd: home.cwd });
  await turn(session, 'Hello');
  await turn(session, 'Which files are here?');
  const file = join(tmpdir(), `turnkeeper-example-${process.pid}.json`);
  const events = await persist.listEvents({ sessionId: session.id });
  await client.destroySandbox();
  await writeFile(file, JSON.stringify({ record: session.toRecord(), events: events.items }));
  spawnSync(process.execPath, [...process.execArgv, import.meta.filename, file], { stdio: 'inherit' });
  await rm(file);
}

async function resume(file: string): Promise<void> {
  const { record, events } = JSON.parse(await readFile(file, 'utf8'));
  await persist.updateSession(record);
  for (const event of events) await persist.insertEvent(record.id, event);
  const client = await SandboxAgent.start({ sandbox, persist });
  await turn(await client.resumeSession(record.id), 'And where were we?');
  await client.destroySandbox();
}

async function turn(session: Session, text: string): Promise<void> {
  const { stopReason } = await withSession('conv-42', () => session.prompt([{ type: 'text', text }]));
  // What an agent says may come after its answer; a client that leaves at once does not hear it.
  await setTimeout(200);
  console.log(
    `conv-42  process ${process.pid}, ${session.id}, agent’s ${session.agentSessionId}: ${text} → ${stopReason}`,
  );
}
