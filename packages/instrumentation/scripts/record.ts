/**
 * `pnpm record pi …`: plays the contract's scenarios on the real engine, offline, and writes what its seams deliver to
 * the recordings of its adapter; without names, of every adapter. Only when an engine's new version says something new.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { BasicTracerProvider } from '@opentelemetry/sdk-trace-base';
import {
  recordAdapter,
  writeRecording,
  type RecordedSignal,
  type RecordingHeader,
  type Scenario,
} from '@turnkeeper/check/contract';
import type { Adapter } from '../src/adapter.ts';
import { observe } from '../src/observe.ts';
import { recordAcp } from './recordings/acp.ts';
import { recordOpenAIAgents } from './recordings/openai-agents.ts';
import { recordCopilot } from './recordings/copilot.ts';
import { recordFlame } from './recordings/flame.ts';
import { recordPi } from './recordings/pi.ts';
import { recordRivet } from './recordings/rivet.ts';

/** Records one scenario: what `play` makes the adapter on this target hear. */
export type ScenarioRecorder = <Target extends object, Native, State>(
  scenario: Scenario,
  header: RecordingHeader,
  adapter: Adapter<Target, Native, State>,
  target: Target,
  play: () => Promise<unknown>,
) => Promise<void>;

/** An engine's own long texts (its prompts) are not ours to keep, and say nothing; neither do a machine's folders. */
function tidy(signal: RecordedSignal): RecordedSignal {
  const text = JSON.stringify(signal, (_key, value: unknown) =>
    typeof value === 'string' && value.length > MAX_TEXT ? `${value.slice(0, MAX_TEXT)}…` : value,
  );
  return JSON.parse(text.replaceAll(/(?:\/[\w.@+-]+){2,}/g, '/folder'));
}

const MAX_TEXT = 120;

const ENGINES: Readonly<Record<string, (record: ScenarioRecorder) => Promise<void>>> = {
  acp: recordAcp,
  'openai-agents': recordOpenAIAgents,
  copilot: recordCopilot,
  flame: recordFlame,
  pi: recordPi,
  rivet: recordRivet,
};

const asked = process.argv.slice(2);
const unknown = asked.filter((name) => !Object.hasOwn(ENGINES, name));
if (unknown.length > 0) {
  console.error(
    `There is no script that records ${unknown.join(', ')}; there are ${Object.keys(ENGINES).join(', ')}. ` +
      'Write one in packages/instrumentation/scripts/recordings, as pi.ts there, and list it in scripts/record.ts.',
  );
  process.exit(2);
}

// Of a run that is not sampled, adapters need not tell everything.
const tracerProvider = new BasicTracerProvider();

for (const [engine, recordEngine] of Object.entries(ENGINES)) {
  if (asked.length > 0 && !asked.includes(engine)) continue;
  const folder = fileURLToPath(new URL(`../src/adapters/${engine}/recordings/`, import.meta.url));
  mkdirSync(folder, { recursive: true });
  await recordEngine(async (scenario, header, adapter, target, play) => {
    const signals: RecordedSignal[] = [];
    const observation = observe(
      recordAdapter(adapter, (signal) => signals.push(signal)),
      target,
      { tracerProvider },
    );
    await play();
    observation.stop();
    writeFileSync(`${folder}${scenario}.jsonl`, writeRecording({ ...header, signals: signals.map(tidy) }));
    console.log(`${engine}/${scenario}: ${signals.length} signals`);
  });
}
