import type { CapturedLog, CapturedMetric } from '../signals.ts';
import { nameOf } from '../sources/bytes.ts';
import { captureLine } from '../sources/read-traces.ts';
import type { Screen } from './screen.ts';
import { type FileRange, walkLines } from './walk-lines.ts';

/** A part of a file, and the place of the file among all. */
export interface NumberedRange extends FileRange {
  readonly number: number;
}

/** What a screen of spans does not keep of a part of a file. */
export interface RangeRest {
  readonly lines: number;
  /** Whether there is nothing but blank lines. */
  readonly isEmpty: boolean;
  readonly logs: readonly CapturedLog[];
  readonly metrics: readonly CapturedMetric[];
}

/**
 * Shows every span of a part of a file to a screen.
 *
 * @throws InputError when it cannot be read; lines count from the beginning of the part.
 */
export async function scanRange(
  range: NumberedRange,
  screen: Screen,
  onProgress: (spans: number) => void = () => {},
): Promise<RangeRest> {
  const { memory } = screen;
  const name = nameOf(range.file);
  const logs: CapturedLog[] = [];
  const metrics: CapturedMetric[] = [];
  let [lines, isEmpty] = [0, true];
  await walkLines(range, memory, {
    block: (offset, line) => {
      screen.block(range.number, offset, line);
      onProgress(screen.seen);
    },
    line: (start, end, line) => {
      lines += 1;
      if (screen.line(start, end)) {
        isEmpty = false;
        return;
      }
      const text = textOf(memory.bytes, start, end, line, range);
      const isFirst = isEmpty && range.from === 0;
      for (const batch of captureLine(text, name, line, () => screen.seen, isFirst)) {
        isEmpty = false;
        for (const span of batch.spans) screen.span(span);
        for (const log of batch.logs) logs.push(log);
        for (const metric of batch.metrics) metrics.push(metric);
      }
    },
  });
  return { lines, isEmpty, logs, metrics };
}

/** A line as text, without the mark that may stand at the beginning of a file. */
export function textOf(bytes: Buffer, start: number, end: number, line: number, { from }: FileRange): string {
  const text = bytes.toString('utf8', start, end);
  return line === 1 && from === 0 && text.startsWith('\uFEFF') ? text.slice(1) : text;
}
