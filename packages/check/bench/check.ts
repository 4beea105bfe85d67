import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { writeSpans } from './write-spans.ts';

// node bench/check.ts [spans…]: times each way of checking a generated file in a process of its own, side by side.
// Rates are by CPU time, so that what else runs on the machine changes them little; memory is the largest ever held.

interface Measure {
  readonly seconds: number;
  readonly megabytes: number;
  readonly findings: number;
}

const variants = ['parse', 'full', 'scan'] as const;
type Variant = (typeof variants)[number];
const titles: Readonly<Record<Variant, string>> = {
  parse: 'JSON.parse of each line, no check',
  full: 'every span read in full, then the rules',
  scan: 'scanned, suspects read in full, then the rules',
};
/** Above, reading everything needs more memory than most machines have. */
const fullUpTo = 1_000_000;
const self = fileURLToPath(import.meta.url);

async function measure(variant: Variant, file: string): Promise<Measure> {
  const { captureFiles, check } = await import('../dist/index.js');
  const { scanFiles } = await import('../dist/scan/scan-files.js');
  const { readBytes } = await import('../dist/sources/bytes.js');
  const { splitLines } = await import('../dist/sources/lines.js');
  const before = process.cpuUsage();
  let findings = 0;
  if (variant === 'parse') for await (const { text } of splitLines(readBytes(file))) JSON.parse(text);
  if (variant === 'full') findings = check(await captureFiles([file])).length;
  if (variant === 'scan') findings = check((await scanFiles([file])).suspects).length;
  const { user, system } = process.cpuUsage(before);
  return { seconds: (user + system) / 1e6, megabytes: process.resourceUsage().maxRSS / 1024, findings };
}

function measureApart(variant: Variant, file: string): Measure {
  const argv = ['--max-old-space-size=16000', self, '--one', variant, file];
  const { stdout, stderr, status } = spawnSync(process.execPath, argv, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`${variant} failed: ${stderr}`);
  const measured: Measure = JSON.parse(stdout);
  return measured;
}

async function compare(spans: number): Promise<void> {
  const directory = process.env['TURNKEEPER_BENCH_DIRECTORY'] ?? mkdtempSync(join(tmpdir(), 'turnkeeper-'));
  const file = join(directory, `spans-${spans}.jsonl`);
  if (!existsSync(file)) await writeSpans(file, spans);
  const size = statSync(file).size;
  console.log(
    `\n${spans.toLocaleString('en')} spans, ${(size / 1e9).toFixed(2)} GB, ${Math.round(size / spans)} bytes a span\n`,
  );
  console.log('| way | million spans per CPU second | peak memory, MB | findings |\n|---|---|---|---|');
  for (const variant of variants) {
    if (variant === 'full' && spans > fullUpTo) continue;
    const { seconds, megabytes, findings } = measureApart(variant, file);
    const found = variant === 'parse' ? '–' : String(findings);
    console.log(`| ${titles[variant]} | ${(spans / seconds / 1e6).toFixed(3)} | ${Math.round(megabytes)} | ${found} |`);
  }
}

const [mode, variant, file] = process.argv.slice(2);
if (mode === '--one' && file !== undefined) {
  const known = variants.find((name) => name === variant) ?? 'parse';
  console.log(JSON.stringify(await measure(known, file)));
} else {
  const sizes = process.argv.slice(2).map(Number);
  for (const spans of sizes.length > 0 ? sizes : [1_000_000, 5_000_000]) await compare(spans);
}
