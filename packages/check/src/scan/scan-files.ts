import { type Capture, captureRecords } from '../capture.ts';
import type { CapturedLog, CapturedMetric } from '../signals.ts';
import { nameOf } from '../sources/bytes.ts';
import { InputError } from '../sources/input-error.ts';
import { captureLine } from '../sources/read-traces.ts';
import type { CapturedSpan } from '../span.ts';
import type { Summary } from '../summary.ts';
import { turnsOf } from '../span-index.ts';
import { type Hash, hashTraceId } from './hash.ts';
import { OtlpScanner } from './otlp-scanner.ts';
import { Screen } from './screen.ts';
import { SpanRows } from './span-rows.ts';
import { walkLines } from './walk-lines.ts';

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
}

/**
 * Checks files of OTLP as JSON lines that may be larger than memory. They are read twice: first byte by byte, for the
 * traces in which a rule may find something; then these alone, in full. The findings are those of reading everything.
 *
 * @throws InputError when a file cannot be read, and when there is not a single span in all of them.
 */
export async function scanFiles(
  files: readonly string[],
  { onProgress = () => {}, patience }: ScanOptions = {},
): Promise<ScanResult> {
  const screen = new Screen(patience);
  const logs: CapturedLog[] = [];
  const metrics: CapturedMetric[] = [];
  let [seen, lines] = [0, 0];
  for (const file of files) {
    let isEmpty = true;
    for await (const { bytes, start, end, number } of walkLines(file)) {
      lines += 1;
      const scanned = screen.line(bytes, start, end, lines);
      if (scanned >= 0) {
        seen += scanned;
        isEmpty = false;
        if ((number & 1_023) === 0) onProgress(seen);
        continue;
      }
      for (const batch of captureLine(textOf(bytes, start, end, number), nameOf(file), number, () => seen)) {
        isEmpty = false;
        for (const span of batch.spans) screen.span(span, lines);
        seen += batch.spans.length;
        logs.push(...batch.logs);
        metrics.push(...batch.metrics);
      }
    }
    if (isEmpty)
      throw new InputError(
        nameOf(file),
        undefined,
        'the file is empty. Was the exporter flushed before the process ended?',
      );
  }
  if (seen === 0) {
    throw new InputError(
      files.map(nameOf).join(', '),
      undefined,
      'there is not a single span in here, so nothing was checked. Does the exporter write traces to this file?',
    );
  }
  let wanted = screen.finish(metrics);
  let spans = await readTraces(files, screen, wanted);
  // A link that no turn carries may lead to yet another conversation.
  for (
    let more = linkedFrom(spans, screen, wanted);
    more.size > wanted.size;
    more = linkedFrom(spans, screen, wanted)
  ) {
    wanted = more;
    spans = await readTraces(files, screen, wanted);
  }
  const suspects = captureRecords({ spans, logs, metrics });
  const rest = screen.countWithout(wanted);
  return {
    suspects,
    summary: {
      spans: rest.spans + suspects.index.spans.length,
      traces: screen.traces.size,
      sessions: screen.sessions.size,
      turns: rest.turns + turnsOf(suspects.index.runs).length,
    },
  };
}

/** The spans of some traces, in the order of the input. */
async function readTraces(
  files: readonly string[],
  screen: Screen,
  wanted: ReadonlySet<number>,
): Promise<readonly CapturedSpan[]> {
  const spans: CapturedSpan[] = [];
  if (wanted.size === 0) return spans;
  const rows = new SpanRows();
  const scanner = new OtlpScanner(rows);
  const hash: Hash = { high: 0, low: 0 };
  const isWanted = (high: number, low: number): boolean => wanted.has(screen.traces.find(high, low));
  const ranges = screen.linesOf(wanted);
  let [seen, lines, next, until] = [0, 0, 0, 0];
  for (const file of files) {
    for await (const { bytes, start, end, number } of walkLines(file)) {
      lines += 1;
      for (let range = ranges[next]; range !== undefined && range[0] <= lines; range = ranges[next]) {
        until = Math.max(until, range[1]);
        next += 1;
      }
      if (lines > until) continue;
      if (scanner.scan(bytes, start, end)) {
        const hasWanted = scanner.taken.some((row) => isWanted(rows.traceHigh[row] ?? 0, rows.traceLow[row] ?? 0));
        for (const row of scanner.taken) rows.give(row);
        if (!hasWanted) {
          seen += scanner.taken.length;
          continue;
        }
      }
      for (const batch of captureLine(textOf(bytes, start, end, number), nameOf(file), number, () => seen)) {
        seen += batch.spans.length;
        for (const span of batch.spans) {
          hashTraceId(span.traceId, hash);
          if (isWanted(hash.high, hash.low)) spans.push(span);
        }
      }
    }
  }
  return spans;
}

function linkedFrom(spans: readonly CapturedSpan[], screen: Screen, wanted: ReadonlySet<number>): ReadonlySet<number> {
  const hash: Hash = { high: 0, low: 0 };
  const all = new Set(wanted);
  for (const { links } of spans) {
    for (const { traceId } of links) {
      hashTraceId(traceId, hash);
      const trace = screen.traces.find(hash.high, hash.low);
      if (trace !== -1) all.add(trace);
    }
  }
  return all.size === wanted.size ? all : screen.complete(all);
}

function textOf(bytes: Buffer, start: number, end: number, number: number): string {
  const text = bytes.toString('utf8', start, end);
  return number === 1 && text.startsWith('\uFEFF') ? text.slice(1) : text;
}
