/**
 * `pnpm bench [part…] [--json] [--quick] [--write]`: what everything costs, as ratios measured in one run. Each package
 * with a `bench/run.ts` prints its lines as JSON. `--write` keeps the table in docs/performance.md.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { arch, cpus } from 'node:os';
import { join } from 'node:path';
import type { Line } from '../packages/instrumentation/bench/line.ts';

const root = join(import.meta.dirname, '..');
const page = join(root, 'docs/performance.md');
const argv = process.argv.slice(2);
const isJson = argv.includes('--json');
const lines: Line[] = [];
for (const folder of ['packages/instrumentation', 'packages/check']) {
  const script = join(root, folder, 'bench/run.ts');
  if (!existsSync(script)) continue;
  const given = argv.filter((word) => word !== '--json' && word !== '--write');
  const { status, stdout } = spawnSync(process.execPath, [script, ...given], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  if (status !== 0) throw new Error(`${script} failed`);
  const measured: Line[] = JSON.parse(stdout);
  lines.push(...measured);
}

console.log(isJson ? JSON.stringify(lines, undefined, 2) : table(lines));
if (argv.includes('--write')) write(table(lines));

function table(all: readonly Line[]): string {
  const rows = all.flatMap(({ name, ratio, limit, base, own, unit, others }) => [
    `| ${name} | **${ratio.toFixed(2)}** | ${limit.toFixed(2)} | ${ratio <= limit ? 'yes' : 'no'} | ${short(own)} for ${short(base)} ${unit} |`,
    ...others.map((other) => `| – ${other.name} | ${other.ratio.toFixed(2)} | | | |`),
  ]);
  return ['| what | ratio | at most | met | seen here |', '|---|---|---|---|---|', ...rows].join('\n');
}

function short(value: number): string {
  return value.toPrecision(3).includes('e') ? String(Math.round(value)) : value.toPrecision(3);
}

function write(text: string): void {
  const [before = '', , after = ''] = readFileSync(page, 'utf8').split(/<!-- (?:table|end) -->/);
  const machine = `Node ${process.version}, ${process.platform} ${arch()}, ${cpus().length} processors (${cpus()[0]?.model.trim()}).`;
  writeFileSync(page, `${before}<!-- table -->\n\n${machine}\n\n${text}\n\n<!-- end -->${after}`);
}
