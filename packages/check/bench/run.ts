import { measureWays, medianOf, withFiles } from './measure.ts';
import { ways } from './ways.ts';

// node bench/run.ts [check] [--quick]: what checking a large file costs, against JSON.parse and a few rules written by
// hand. Lines for `pnpm bench`, as JSON; check.ts beside it compares more ways, and larger files.

const argv = process.argv.slice(2);
const named = argv.filter((word) => !word.startsWith('--'));
const sizes = argv.includes('--quick') ? [100_000] : [1_000_000, 5_000_000];
const limits: Readonly<Record<string, number>> = { scan: 0.4, scanThreads: 0.6 };

async function measureLines(spans: number): Promise<readonly object[]> {
  const names = ['parseCheck', ...Object.keys(limits), 'parse'];
  const measures = await withFiles(spans, names, (file) => measureWays(file, names, 3));
  const secondsOf = (name: string): number =>
    Number(medianOf(measures.get(name), ({ cpuSeconds }) => cpuSeconds).toFixed(2));
  const base = secondsOf('parseCheck');
  return Object.entries(limits).map(([name, limit]) => ({
    name: `Checking ${spans.toLocaleString('en')} spans, against ${ways['parseCheck']?.title}: ${ways[name]?.title.replaceAll('**', '')}`,
    ratio: Number((secondsOf(name) / base).toFixed(2)),
    limit,
    unit: 'CPU seconds',
    base,
    own: secondsOf(name),
    others: [
      {
        name: ways['parse']?.title ?? '',
        ratio: Number((secondsOf('parse') / base).toFixed(2)),
        value: secondsOf('parse'),
      },
    ],
  }));
}

const lines: object[] = [];
if (named.length === 0 || named.includes('check'))
  for (const spans of sizes) lines.push(...(await measureLines(spans)));
console.log(JSON.stringify(lines));
