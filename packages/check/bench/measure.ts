import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ways } from './ways.ts';
import { writeProtobuf } from './write-protobuf.ts';
import { writeSpans } from './write-spans.ts';

/** What checking a file took. */
export interface Measure {
  /** Of all threads. */
  readonly cpuSeconds: number;
  readonly wallSeconds: number;
  /** The largest ever held. */
  readonly megabytes: number;
  readonly found?: number;
}

const one = fileURLToPath(new URL('./one-way.ts', import.meta.url));

/**
 * Works with the files that some ways read, by their name without what comes behind the dot. They are gigabytes: they go
 * when the work is done, unless a folder is named for them, where they are written if they are not there yet.
 */
export async function withFiles<T>(spans: number, names: readonly string[], work: (file: string) => T): Promise<T> {
  const kept = process.env['TURNKEEPER_BENCH_DIRECTORY'];
  const directory = kept ?? mkdtempSync(join(tmpdir(), 'turnkeeper-'));
  const file = join(directory, `spans-${spans}.`);
  try {
    if (!existsSync(`${file}jsonl`)) await writeSpans(`${file}jsonl`, spans);
    const needsProtobuf = names.some((name) => ways[name]?.format === 'pb');
    if (needsProtobuf && !existsSync(`${file}pb`)) await writeProtobuf(`${file}jsonl`, `${file}pb`);
    return work(file);
  } finally {
    if (kept === undefined) rmSync(directory, { recursive: true, force: true });
  }
}

/** Lets each way check its file so many times, all of them once in each round. A way that does not run is left out. */
export function measureWays(
  file: string,
  names: readonly string[],
  rounds: number,
): ReadonlyMap<string, readonly Measure[]> {
  const measures = new Map<string, Measure[]>();
  for (let round = 0; round < rounds; round += 1) {
    for (const name of names) {
      const measured = measureApart(name, file + (ways[name]?.format ?? ''));
      if (measured !== undefined) measures.set(name, [...(measures.get(name) ?? []), measured]);
    }
  }
  return measures;
}

/** In a process of its own, so that memory is that of one way. */
function measureApart(name: string, file: string): Measure | undefined {
  const argv = ['--max-old-space-size=16000', one, name, file];
  const { stdout, stderr, status } = spawnSync(process.execPath, argv, { encoding: 'utf8' });
  if (status !== 0) {
    console.error(`${name} did not run: ${stderr.trim().split('\n').slice(0, 8).join('\n')}`);
    return undefined;
  }
  const measured: Measure = JSON.parse(stdout);
  return measured;
}

/** The one in the middle of what some measures say. */
export function medianOf(measures: readonly Measure[] | undefined, of: (measure: Measure) => number): number {
  const numbers = (measures ?? []).map(of).toSorted((left, right) => left - right);
  return numbers[numbers.length >> 1] ?? Number.NaN;
}
