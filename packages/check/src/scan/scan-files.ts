import { type Capture, captureRecords } from '../capture.ts';
import type { CapturedLog, CapturedMetric } from '../signals.ts';
import { type Input, nameOf } from '../sources/bytes.ts';
import { InputError } from '../sources/input-error.ts';
import type { CapturedSpan } from '../span.ts';
import { turnsOf } from '../span-index.ts';
import type { Summary } from '../summary.ts';
import { type Hash, hashTraceId } from './hash.ts';
import { readSuspects } from './read-suspects.ts';
import type { PartTask } from './scan-part.ts';
import { type RangeRest, scanRange } from './scan-range.ts';
import { type PartThread, scanInWorkers, startWorker } from './scan-workers.ts';
import { Screen } from './screen.ts';

/** What a scan of files gives: how much there is, and everything that may be wrong. */
export interface ScanResult {
  readonly summary: Summary;
  /** Only traces in which a rule may find something, each whole, with the rest of their conversations. */
  readonly suspects: Capture;
}

/** How files are scanned. */
export interface ScanOptions {
  /** Hears now and then how many spans were seen. */
  readonly onProgress?: (spans: number) => void;
  /** After so many spans without one of a trace its facts are let go of; default 100,000. */
  readonly patience?: number;
  /** How many threads scan beside the one that asks; default 0. */
  readonly workers?: number;
  /** How such a thread is started; default: as a worker. */
  readonly start?: (task: PartTask) => PartThread;
}

/** What scanning a file gives beside what the screen of all spans knows. */
export type FileRest = Omit<RangeRest, 'lines'>;

/**
 * Checks files of OTLP as JSON lines that may be larger than memory. They are read twice: first byte by byte, for the
 * traces in which a rule may find something; then these alone, in full. The findings are those of reading everything.
 *
 * @throws InputError when a file cannot be read, and when there is not a single span in all of them.
 */
export async function scanFiles(
  files: readonly Input[],
  { onProgress = () => {}, patience = 100_000, workers = 0, start = startWorker }: ScanOptions = {},
): Promise<ScanResult> {
  const screen = new Screen({ patience });
  const logs: CapturedLog[] = [];
  const metrics: CapturedMetric[] = [];
  const rests =
    workers === 0
      ? scanHere(files, screen, onProgress)
      : scanInWorkers(files, screen, { workers, patience, onProgress, start });
  let number = 0;
  for await (const rest of rests) {
    if (rest.isEmpty) throw emptyFile(files[number] ?? '');
    number += 1;
    for (const log of rest.logs) logs.push(log);
    for (const metric of rest.metrics) metrics.push(metric);
  }
  if (screen.seen === 0) throw withoutSpans(files);
  let wanted = screen.finish(metrics);
  let spans = await readSuspects(files, screen, wanted);
  // A link that no turn carries may lead to yet another conversation.
  for (
    let more = linkedFrom(spans, screen, wanted);
    more.size > wanted.size;
    more = linkedFrom(spans, screen, wanted)
  ) {
    wanted = more;
    spans = await readSuspects(files, screen, wanted);
  }
  const suspects = captureRecords({ spans, logs, metrics });
  const rest = screen.traces.countWithout(wanted);
  return {
    suspects,
    summary: {
      spans: rest.spans + suspects.index.spans.length,
      traces: screen.traces.size,
      // Of copies of a span that differ only the rules know which one counts.
      sessions: screen.countSessionsWithout(wanted) + suspects.index.sessions.size,
      turns: rest.turns + turnsOf(suspects.index.runs).length,
    },
  };
}

async function* scanHere(
  files: readonly Input[],
  screen: Screen,
  onProgress: (spans: number) => void,
): AsyncIterable<FileRest> {
  for (const [number, file] of files.entries())
    yield await scanRange({ file, number, from: 0, to: Number.POSITIVE_INFINITY }, screen, onProgress);
}

function linkedFrom(spans: readonly CapturedSpan[], screen: Screen, wanted: ReadonlySet<number>): ReadonlySet<number> {
  const hash: Hash = { high: 0, low: 0 };
  const all = new Set(wanted);
  for (const { links } of spans) {
    for (const { traceId } of links) {
      hashTraceId(traceId, hash);
      const trace = screen.traces.hashes.find(hash.high, hash.low);
      if (trace !== -1) all.add(trace);
    }
  }
  return all.size === wanted.size ? all : screen.complete(all);
}

function emptyFile(file: Input): InputError {
  return new InputError(
    nameOf(file),
    undefined,
    'the file is empty. Was the exporter flushed before the process ended?',
  );
}

function withoutSpans(files: readonly Input[]): InputError {
  return new InputError(
    files.map(nameOf).join(', '),
    undefined,
    'there is not a single span in here, so nothing was checked. Does the exporter write traces to this file?',
  );
}
