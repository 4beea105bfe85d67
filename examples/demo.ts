/**
 * `pnpm demo`: plays each example as a program of its own, exports over OTLP/HTTP to a receiver on this machine which
 * writes the collector's file format, shows the conversations as trees, and runs `turnkeeper check` on the file.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { captureFiles } from '@turnkeeper/check';
import { ATTR_SESSION_ID } from '@turnkeeper/instrumentation/semconv';
import { startOtlpReceiver } from '@turnkeeper/model-server/otlp';

/** What runs, by its name on the command line. `node` gets the arguments. */
const DEMOS: Readonly<Record<string, { readonly title: string; readonly arguments: readonly string[] }>> = {
  pi: {
    title: 'Two conversations with the real Pi, interleaved; the platform calls them conv-42 and conv-7',
    arguments: [
      '--import',
      '@turnkeeper/instrumentation/hook',
      '--import',
      './examples/pi/telemetry.ts',
      './examples/pi/conversation.ts',
    ],
  },
  acp: {
    title:
      'Three turns with an agent of the Agent Client Protocol, a process of its own; the platform calls them conv-42',
    arguments: [
      '--import',
      '@turnkeeper/instrumentation/hook',
      '--import',
      './examples/acp/telemetry.ts',
      './examples/acp/conversation.ts',
    ],
  },
  'openai-agents': {
    title: 'Three turns with the real OpenAI Agents, one of them handed over to another agent',
    arguments: [
      '--import',
      '@turnkeeper/instrumentation/hook',
      '--import',
      './examples/openai-agents/telemetry.ts',
      './examples/openai-agents/conversation.ts',
    ],
  },
  copilot: {
    title: 'Three turns with the real Copilot runtime; the platform calls them conv-42, Copilot otherwise',
    arguments: [
      '--import',
      '@turnkeeper/instrumentation/hook',
      '--import',
      './examples/copilot/telemetry.ts',
      './examples/copilot/conversation.ts',
    ],
  },
  flame: {
    title: 'Two sessions on a stand-in of Flame; one is called as its SessionContext says, the other by itself',
    arguments: [
      '--import',
      '@turnkeeper/instrumentation/hook',
      '--import',
      './examples/flame/telemetry.ts',
      './examples/flame/batch.ts',
    ],
  },
  rivet: {
    title: 'One conversation with the real Pi behind Rivet, resumed in a fresh process on another daemon: conv-42',
    arguments: [
      '--import',
      '@turnkeeper/instrumentation/hook',
      '--import',
      './examples/rivet/telemetry.ts',
      './examples/rivet/conversation.ts',
    ],
  },
};

const asked = process.argv.slice(2);
const unknown = asked.filter((name) => !(name in DEMOS));
if (unknown.length > 0) {
  console.error(`There is no demo ${unknown.join(', ')}; there are ${Object.keys(DEMOS).join(', ')}.`);
  process.exit(2);
}
for (const name of asked.length > 0 ? asked : Object.keys(DEMOS)) {
  const status = await play(name);
  if (status !== 0) process.exitCode = status;
}

async function play(name: string): Promise<number> {
  const demo = DEMOS[name];
  if (!demo) return 2;
  const file = `traces-${name}.jsonl`;
  console.log(`\n── ${name}: ${demo.title}\n`);
  await using receiver = await startOtlpReceiver({ file });
  const played = await run(process.execPath, demo.arguments, {
    OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url,
    OTEL_LOGS_EXPORTER: 'none',
    OTEL_METRICS_EXPORTER: 'none',
  });
  await receiver.close();
  if (played !== 0) return played;

  const capture = await captureFiles([file]);
  console.log(`\nWhat the receiver got, ${capture.spans.length} spans in ${receiver.requests.length} requests:\n`);
  console.log(`${capture.tree()}\n`);
  for (const [session, runs] of capture.index.sessions) {
    const spans = capture.spans.filter(({ attributes }) => attributes[ATTR_SESSION_ID] === session);
    console.log(`${session}: ${runs.length} turns, ${spans.length} spans carry this id`);
  }
  console.log(`\n$ turnkeeper check ${file}`);
  return await run(join(import.meta.dirname, '../node_modules/.bin/turnkeeper'), ['check', file]);
}

async function run(command: string, argv: readonly string[], variables: NodeJS.ProcessEnv = {}): Promise<number> {
  const child = spawn(command, argv, { stdio: 'inherit', env: { ...process.env, ...variables } });
  const [status] = await once(child, 'exit');
  return typeof status === 'number' ? status : 1;
}
