/**
 * `node bench/run.ts [part…] [--quick]`: what Turnkeeper costs, against the same without it and against others, all in
 * one run. Says how far it is on standard error; the lines, as JSON, go to standard output.
 */
import type { Line, Part } from './line.ts';

const PARTS: Readonly<Record<string, () => Promise<Part>>> = {
  stamping: async () => (await import('./stamping.ts')).stamping,
  'openai-agents': async () => (await import('./openai-agents.ts')).openaiAgentsPart,
  pi: async () => (await import('./pi.ts')).piPart,
  'start-up': async () => (await import('./start-up.ts')).startUp,
  memory: async () => (await import('./memory.ts')).memory,
};

const argv = process.argv.slice(2);
const named = argv.filter((word) => !word.startsWith('--'));
const lines: Line[] = [];
for (const [name, load] of Object.entries(PARTS)) {
  if (named.length > 0 && !named.includes(name)) continue;
  console.error(`── ${name}`);
  const part = await load();
  for (const line of await part({ quick: argv.includes('--quick') })) {
    lines.push(line);
    console.error(`${line.ratio.toFixed(2)} (at most ${line.limit}) ${line.name}`);
    for (const other of line.others) console.error(`  ${other.ratio.toFixed(2)} ${other.name}`);
  }
}
console.log(JSON.stringify(lines));
