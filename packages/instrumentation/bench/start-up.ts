import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { lineOf, type Part } from './line.ts';
import { median } from './measure.ts';

const app = join(import.meta.dirname, 'apps/openai-agents.mjs');
const env = {
  ...process.env,
  OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:9',
  OTEL_METRICS_EXPORTER: 'none',
  OTEL_LOGS_EXPORTER: 'none',
};

/** Programs in turns, each in a process of its own. Milliseconds of processor time, user's and system's. */
function start(argv: readonly string[]): number {
  const { stdout, stderr, status } = spawnSync(process.execPath, [...argv, app], { encoding: 'utf8', env });
  const milliseconds = Number(stdout);
  if (status !== 0 || !(milliseconds > 0)) throw new Error(`${argv.join(' ')} failed: ${stderr}`);
  return milliseconds;
}

export const startUp: Part = async ({ quick }) => {
  const ways = {
    none: [],
    sdk: ['--import', join(import.meta.dirname, 'apps/sdk.mjs')],
    hook: ['--import', '@turnkeeper/instrumentation/register'],
  };
  const taken = { none: [] as number[], sdk: [] as number[], hook: [] as number[] };
  for (let round = 0; round < (quick ? 3 : 21); round += 1) {
    for (const way of ['none', 'sdk', 'hook'] as const) taken[way].push(start(ways[way]));
  }
  const unit = 'ms of processor time';
  const [none, sdk, hook] = [median(taken.none), median(taken.sdk), median(taken.hook)];
  const line = lineOf(
    { name: 'start of an app with OpenAI Agents: the register hook against the SDK alone', limit: 1.2, unit },
    [
      { name: 'sdk', value: sdk },
      { name: 'ours', value: hook },
      { name: 'without any', value: none },
    ],
  );
  return [line];
};
