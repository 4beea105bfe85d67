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

/** How often a part is measured, where one process differs from the next by more than what is measured; the median counts. */
const TIMES: Readonly<Record<string, number>> = { 'stamping-sdk-3': 5 };

function measureApart(name: string): readonly Line[] {
  const argv = [import.meta.filename, name, '--here', ...options];
  const { status, stdout } = spawnSync(process.execPath, argv, {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  if (status !== 0) throw new Error(`${name} failed`);
  const lines: Line[] = JSON.parse(stdout);
  return lines;
}

function measure(name: string): readonly Line[] {
  console.error(`── ${name}`);
  const times = isQuick ? 1 : (TIMES[name] ?? 1);
  const [first = [], ...others] = Array.from({ length: times }, () => measureApart(name));
  const lines = first.map((line, at) => {
    const all = [line, ...others.flatMap((other) => other[at] ?? [])].toSorted((a, b) => a.ratio - b.ratio);
    return all[all.length >> 1] ?? line;
  });
  for (const { name: what, ratio, limit, others: compared } of lines) {
    console.error(`${ratio.toFixed(2)} (at most ${limit}) ${what}`);
    for (const other of compared) console.error(`  ${other.ratio.toFixed(2)} ${other.name}`);
  }
  return lines;
}

const words = process.argv.slice(2);
const options = words.filter((word) => word.startsWith('--'));
const isQuick = options.includes('--quick');
const named = words.filter((word) => !word.startsWith('--'));
const chosen = Object.entries(PARTS).filter(([name]) => named.length === 0 || named.includes(name));
const lines: Line[] = [];
for (const [name, load] of chosen) {
  if (!options.includes('--here')) lines.push(...measure(name));
  else lines.push(...(await (await load())({ quick: isQuick })));
}
console.log(JSON.stringify(lines));
