/** `node bench/run.ts [check] [--quick]`: checking a file, against nothing but parsing it. Prints its line as JSON. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { writeSpans } from './write-spans.ts';

const argv = process.argv.slice(2);
const named = argv.filter((word) => !word.startsWith('--'));
const isQuick = argv.includes('--quick');

function seconds(way: 'parse' | 'scan', file: string): number {
  const argvOfOne = ['--max-old-space-size=16000', join(import.meta.dirname, 'check.ts'), '--one', way, file];
  const { stdout, stderr, status } = spawnSync(process.execPath, argvOfOne, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`${way} failed: ${stderr}`);
  const measured: { readonly seconds: number } = JSON.parse(stdout);
  return measured.seconds;
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] ?? NaN;
}

async function measure(): Promise<object> {
  const folder = mkdtempSync(join(tmpdir(), 'turnkeeper-bench-'));
  try {
    const file = join(folder, 'spans.jsonl');
    const spans = isQuick ? 50_000 : 500_000;
    await writeSpans(file, spans);
    const [parse, scan]: [number[], number[]] = [[], []];
    for (let round = 0; round < (isQuick ? 1 : 5); round += 1) {
      parse.push(seconds('parse', file));
      scan.push(seconds('scan', file));
    }
    const [base, own] = [median(parse), median(scan)];
    const name = `turnkeeper check of ${spans.toLocaleString('en')} spans, against JSON.parse of each line`;
    const ratio = Number((own / base).toPrecision(4));
    console.error(`${ratio.toFixed(2)} ${name}`);
    return { name, ratio, limit: 1.2, unit: 's of processor time', base, own, others: [] };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const isAsked = named.length === 0 || named.includes('check');
console.log(JSON.stringify(isAsked ? [await measure()] : []));
