import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { type Measure, measureWays, medianOf, withFiles } from './measure.ts';
import { ways } from './ways.ts';

// node bench/check.ts [--rounds N] [--only way,way] [--write] [spans…]: times each way of checking generated files, side
// by side, and gives medians. --write puts the table into docs/scale.md.

const page = fileURLToPath(new URL('../../../docs/scale.md', import.meta.url));
const [begin, end] = ['<!-- bench: begin -->', '<!-- bench: end -->'];
const reference = 'parseCheck';

async function compare(spans: number, names: readonly string[], rounds: number): Promise<readonly string[]> {
  const chosen = names.filter((name) => spans <= (ways[name]?.upTo ?? Number.POSITIVE_INFINITY));
  const [measures, bytes] = await withFiles(
    spans,
    chosen,
    (file) => [measureWays(file, chosen, rounds), statSync(`${file}jsonl`).size] as const,
  );
  const against = measures.get(reference);
  const size = `${(spans / 1e6).toLocaleString('en')} million, ${(bytes / 1e9).toFixed(2)} GB`;
  return [...measures].map(([name, all], at) => {
    const rates = [({ cpuSeconds }: Measure) => cpuSeconds, ({ wallSeconds }: Measure) => wallSeconds].flatMap((of) => [
      (spans / medianOf(all, of) / 1e6).toFixed(3),
      (medianOf(against, of) / medianOf(all, of)).toFixed(2),
    ]);
    const megabytes = Math.round(Math.max(...all.map((measure) => measure.megabytes))).toLocaleString('en');
    const found = all[0]?.found?.toLocaleString('en') ?? '–';
    return `| ${[at === 0 ? size : '', ways[name]?.title ?? '', ...rates, megabytes, found].join(' | ')} |`;
  });
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    rounds: { type: 'string', default: '3' },
    only: { type: 'string', default: Object.keys(ways).join(',') },
    write: { type: 'boolean', default: false },
  },
});
const sizes = positionals.length > 0 ? positionals.map(Number) : [1_000_000, 5_000_000];
const rows: string[] = [];
for (const spans of sizes) rows.push(...(await compare(spans, values.only.split(','), Number(values.rounds))));
const table = `Medians of ${values.rounds} rounds, ${availableParallelism()} cores, Node ${process.versions.node}.

| spans | way | million spans per CPU second | × | per second | × | peak memory, MB | found |
|---|---|---|---|---|---|---|---|
${rows.join('\n')}`;
console.log(table);
if (values.write) {
  const [head = '', rest = ''] = readFileSync(page, 'utf8').split(begin);
  writeFileSync(page, `${head}${begin}\n${table}\n${end}${rest.split(end)[1] ?? ''}`);
}
