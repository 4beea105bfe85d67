/** Records what the adapter hears of the engine, for contract.test.ts: `node record.ts`, again when the engine changes. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { TracerProvider } from '@opentelemetry/sdk-trace';
import { recordAdapter, writeRecording, type RecordedSignal, type Scenario } from '@turnkeeper/check/contract';
import { observe } from '@turnkeeper/instrumentation';
import { chat } from './adapter.ts';
import { Chat } from './engine.ts';

const folder = join(import.meta.dirname, 'recordings');
const question = 'Is there rain?';

await record('turn', 1, (session) => session.ask(question));
await record('tool', 1, (session) => session.ask(question));
await record('conversation', 3, async (session) => {
  for (let turn = 0; turn < 3; turn += 1) await session.ask(question);
});
await record('side-by-side', 2, (session) => Promise.all([session.ask(question), session.ask(question)]));

/** Plays one scenario. What the engine does in it, how often and with what words, is said here and held to the adapter. */
async function record(scenario: Scenario, turns: number, play: (session: Chat) => Promise<unknown>): Promise<void> {
  const signals: RecordedSignal[] = [];
  const session = new Chat('chat-1');
  const recorder = recordAdapter(chat, (signal) => signals.push(signal));
  const observation = observe(recorder, session, { tracerProvider: new TracerProvider() });
  await play(session);
  observation.stop();
  const [sessions, outcomes] = [Array(turns).fill(session.id), Array(turns).fill('ok')];
  const recording = { engine: 'chat', version: '1.0.0', sessions, outcomes, content: [question], signals };
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, `${scenario}.jsonl`), writeRecording(recording));
}
