import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { ways } from './ways.ts';
import { writeProtobuf } from './write-protobuf.ts';
import { writeSpans } from './write-spans.ts';

// pnpm bench [--rounds N] [--only way,way] [--write] [spans…]: times each way of checking generated files in a process
// of its own, all ways once in each round, and gives medians. --write puts the table into docs/scale.md.

interface Measure {
  /** Of all threads. */
  readonly cpuSeconds: number;
  readonly wallSeconds: number;
  /** The largest ever held. */
  readonly megabytes: number;
  readonly found?: number;
}

const self = fileURLToPath(import.meta.url);
const page = fileURLToPath(new URL('../../../docs/scale.md', import.meta.url));
const [begin, end] = ['<!-- bench: begin -->', '<!-- bench: end -->'];
const reference = 'parseCheck';

async function measure(name: string, file: string): Promise<Measure> {
  const way = ways[name];
  if (way === undefined) throw new Error(`there is no way ${name}`);
  const before = process.cpuUsage();
  const started = performance.now();
  const found = await way.run(file);
  const wallSeconds = (performance.now() - started) / 1e3;
  const { user, system } = process.cpuUsage(before);
  const megabytes = process.resourceUsage().maxRSS / 1024;
  return { cpuSeconds: (user + system) / 1e6, wallSeconds, megabytes, ...(found === undefined ? {} : { found }) };
}

function measureApart(name: string, file: string): Measure | undefined {
  const argv = ['--max-old-space-size=16000', self, '--one', name, file];
  const { stdout, stderr, status } = spawnSync(process.execPath, argv, { encoding: 'utf8' });
  if (status !== 0) {
    console.error(`${name} did not run: ${stderr.trim().split('\n').slice(0, 8).join('\n')}`);
    return undefined;
  }
  const measured: Measure = JSON.parse(stdout);
  return measured;
}

function medianOf(numbers: readonly number[]): number {
  return numbers.toSorted((left, right) => left - right)[numbers.length >> 1] ?? Number.NaN;
}

async function compare(spans: number, names: readonly string[], rounds: number): Promise<readonly string[]> {
  const directory = process.env['TURNKEEPER_BENCH_DIRECTORY'] ?? mkdtempSync(join(tmpdir(), 'turnkeeper-'));
  const file = join(directory, `spans-${spans}.`);
  if (!existsSync(`${file}jsonl`)) await writeSpans(`${file}jsonl`, spans);
  const chosen = names.filter((name) => spans <= (ways[name]?.upTo ?? Number.POSITIVE_INFINITY));
  const needsProtobuf = chosen.some((name) => ways[name]?.format === 'pb');
  if (needsProtobuf && !existsSync(`${file}pb`)) await writeProtobuf(`${file}jsonl`, `${file}pb`);
  const measures = new Map<string, Measure[]>();
  for (let round = 0; round < rounds; round += 1) {
    for (const name of chosen) {
      const measured = measureApart(name, file + (ways[name]?.format ?? ''));
      if (measured !== undefined) measures.set(name, [...(measures.get(name) ?? []), measured]);
    }
  }
  const cpuOf = (name: string): number => medianOf((measures.get(name) ?? []).map(({ cpuSeconds }) => cpuSeconds));
  const wallOf = (name: string): number => medianOf((measures.get(name) ?? []).map(({ wallSeconds }) => wallSeconds));
  const size = `${(spans / 1e6).toLocaleString('en')} million, ${(statSync(`${file}jsonl`).size / 1e9).toFixed(2)} GB`;
  return chosen
    .filter((name) => measures.has(name))
    .map((name, at) => {
      const all = measures.get(name) ?? [];
      const cells = [
        at === 0 ? size : '',
        ways[name]?.title ?? '',
        (spans / cpuOf(name) / 1e6).toFixed(3),
        (cpuOf(reference) / cpuOf(name)).toFixed(2),
        (spans / wallOf(name) / 1e6).toFixed(3),
        (wallOf(reference) / wallOf(name)).toFixed(2),
        Math.round(Math.max(...all.map(({ megabytes }) => megabytes))).toLocaleString('en'),
        all[0]?.found?.toLocaleString('en') ?? '–',
      ];
      return `| ${cells.join(' | ')} |`;
    });
}

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      rounds: { type: 'string', default: '3' },
      only: { type: 'string', default: Object.keys(ways).join(',') },
      write: { type: 'boolean', default: false },
      one: { type: 'boolean', default: false },
    },
  });
  const [name = '', file = ''] = positionals;
  if (values.one) {
    console.log(JSON.stringify(await measure(name, file)));
    return;
  }
  const sizes = positionals.length > 0 ? positionals.map(Number) : [1_000_000, 5_000_000];
  const rows: string[] = [];
  for (const spans of sizes) rows.push(...(await compare(spans, values.only.split(','), Number(values.rounds))));
  const table = `Medians of ${values.rounds} rounds, ${availableParallelism()} cores, Node ${process.versions.node}.

| spans | way | million spans per CPU second | × | per second | × | peak memory, MB | found |
|---|---|---|---|---|---|---|---|
${rows.join('\n')}`;
  console.log(table);
  if (!values.write) return;
  const text = readFileSync(page, 'utf8');
  const [head = '', rest = ''] = text.split(begin);
  writeFileSync(page, `${head}${begin}\n${table}\n${end}${rest.split(end)[1] ?? ''}`);
}

await main();
