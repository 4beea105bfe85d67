import { type Input, nameOf } from '../sources/bytes.ts';
import { captureLine } from '../sources/read-traces.ts';
import type { CapturedSpan } from '../span.ts';
import type { Block } from './blocks.ts';
import { type Hash, hashTraceId } from './hash.ts';
import { OtlpScanner } from './otlp-scanner.ts';
import { textOf } from './scan-range.ts';
import type { Screen } from './screen.ts';
import { SpanRows, word } from './span-rows.ts';
import { type FileRange, isPlain, walkLines } from './walk-lines.ts';

/** A part of a file to read again. */
interface Stretch extends FileRange {
  /** How many spans of the whole input come before it. */
  readonly spans: number;
  /** Lines to look at, in a file that has to be read from its beginning. */
  readonly lines: { readonly from: number; readonly to: number };
}

/** The spans of some traces, in the order of the input. Only the blocks that they are in are read again. */
export async function readSuspects(
  files: readonly Input[],
  screen: Screen,
  wanted: ReadonlySet<number>,
): Promise<readonly CapturedSpan[]> {
  const spans: CapturedSpan[] = [];
  const rows = new SpanRows();
  const scanner = new OtlpScanner(rows);
  const { memory } = screen;
  const hash: Hash = { high: 0, low: 0 };
  const isWanted = (high = 0, low = 0): boolean => wanted.has(screen.traces.hashes.find(high, low));
  for (const stretch of stretchesOf(files, screen, wanted)) {
    let seen = stretch.spans;
    const readLine = (start: number, end: number, line: number): void => {
      if (line < stretch.lines.from || line >= stretch.lines.to) return;
      if (scanner.scan(memory, start, end)) {
        const { words } = rows;
        const hasWanted = scanner.taken.some((row) => isWanted(words[row + word.trace], words[row + word.trace + 1]));
        for (const row of scanner.taken) rows.give(row);
        if (!hasWanted) {
          seen += scanner.taken.length;
          return;
        }
      }
      const text = textOf(memory.bytes, start, end, line, stretch);
      for (const batch of captureLine(text, nameOf(stretch.file), line, () => seen)) {
        seen += batch.spans.length;
        for (const span of batch.spans) {
          hashTraceId(span.traceId, hash);
          if (isWanted(hash.high, hash.low)) spans.push(span);
        }
      }
    };
    await walkLines(stretch, memory, { block: () => {}, line: readLine });
  }
  return spans;
}

/** What has to be read to see all spans of some traces. */
function* stretchesOf(files: readonly Input[], screen: Screen, wanted: ReadonlySet<number>): Iterable<Stretch> {
  const { blocks } = screen;
  const known = new Map<Input, boolean>();
  const isWhole = (file: Input): boolean => {
    const whole = known.get(file) ?? !isPlain(file);
    known.set(file, whole);
    return whole;
  };
  let first: Block | undefined;
  let until = 0;
  const ranges = screen.traces.blocksOf(wanted);
  for (let next = 0, number = 0; number <= blocks.length; number += 1) {
    for (let range = ranges[next]; range !== undefined && range[0] <= number; range = ranges[next]) {
      until = Math.max(until, range[1] + 1);
      next += 1;
    }
    const block = blocks.get(number);
    const file = files[first?.file ?? 0] ?? '';
    const isEnd = block === undefined || number >= until || block.file !== first?.file;
    // What is compressed is read from its beginning, so better in one go.
    if (first !== undefined && isEnd && (block?.file !== first.file || !isWhole(file))) {
      yield toStretch(first, block?.file === first.file ? block : undefined, file, isWhole(file));
      first = undefined;
    }
    if (number < until) first ??= block;
  }
}

function toStretch(first: Block, end: Block | undefined, file: Input, isWhole: boolean): Stretch {
  const lines = { from: first.line, to: end?.line ?? Number.POSITIVE_INFINITY };
  return isWhole
    ? { file, spans: first.spans, lines, from: 0, to: Number.POSITIVE_INFINITY }
    : {
        file,
        spans: first.spans,
        lines,
        from: first.offset,
        to: end?.offset ?? Number.POSITIVE_INFINITY,
        firstLine: first.line,
      };
}
