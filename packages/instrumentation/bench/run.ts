/**
 * `node bench/run.ts [part…] [--quick]`: what Turnkeeper costs, against the same without it and against others, all in
 * one run. Says how far it is on standard error; the lines, as JSON, go to standard output.
 *
 * Each part in a process of its own: what one has loaded and compiled must not slow down the next.
 */
import { spawnSync } from 'node:child_process';
import type { Line, Part } from './line.ts';

const PARTS: Readonly<Record<string, () => Promise<Part>>> = {
  stamping: async () => (await import('./stamping.ts')).stamping,
  'stamping-sdk-3': async () => (await import('./stamping-sdk-3.ts')).stampingSdk3,
  'openai-agents': async () => (await import('./openai-agents.ts')).openaiAgentsPart,
  pi: async () => (await import('./pi.ts')).piPart,
  'start-up': async () => (await import('./start-up.ts')).startUp,
  memory: async () => (await import('./memory.ts')).memory,
};

async function measure(name: string, load: () => Promise<Part>): Promise<readonly Line[]> {
  console.error(`── ${name}`);
  const part = await load();
  const lines = await part({ quick: argv.includes('--quick') });
  for (const { name: what, ratio, limit, others } of lines) {
    console.error(`${ratio.toFixed(2)} (at most ${limit}) ${what}`);
    for (const other of others) console.error(`  ${other.ratio.toFixed(2)} ${other.name}`);
  }
  return lines;
}

function measureApart(name: string): readonly Line[] {
  const options = argv.filter((word) => word.startsWith('--'));
  const { status, stdout } = spawnSync(process.execPath, [import.meta.filename, name, ...options], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  if (status !== 0) throw new Error(`${name} failed`);
  const lines: Line[] = JSON.parse(stdout);
  return lines;
}

const argv = process.argv.slice(2);
const named = argv.filter((word) => !word.startsWith('--'));
const chosen = Object.entries(PARTS).filter(([name]) => named.length === 0 || named.includes(name));
const [only] = chosen;
const lines = chosen.length === 1 && only ? await measure(...only) : chosen.flatMap(([name]) => measureApart(name));
console.log(JSON.stringify(lines));
