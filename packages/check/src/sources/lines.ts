import { constants } from 'node:buffer';
import { InputError } from './input-error.ts';

const newline = 0x0a;
const byteOrderMark = '\uFEFF';

/** One line of a file, without its end. */
export interface Line {
  /** From 1. */
  readonly number: number;
  readonly text: string;
}

/**
 * The lines of some bytes, one after another. Ends are `\n` and `\r\n` alone: `node:readline` also ends a line at
 * U+2028, which may stand inside a JSON text.
 *
 * @throws InputError for a line with more bytes than a text may have.
 */
export async function* splitLines(
  bytes: AsyncIterable<Buffer>,
  file: string,
  longest: number = constants.MAX_STRING_LENGTH,
): AsyncIterable<Line> {
  let number = 0;
  let length = 0;
  let pending: Buffer[] = [];
  for await (const chunk of bytes) {
    let from = 0;
    for (let end = chunk.indexOf(newline); end !== -1; end = chunk.indexOf(newline, from)) {
      if (length + end - from > longest) throw largeLine(file, number + 1);
      pending.push(chunk.subarray(from, end));
      yield toLine(++number, pending);
      pending = [];
      length = 0;
      from = end + 1;
    }
    if (from < chunk.length) pending.push(chunk.subarray(from));
    length += chunk.length - from;
    if (length > longest) throw largeLine(file, number + 1);
  }
  if (pending.length > 0) yield toLine(++number, pending);
}

/** Why a line is not read that has more in it than fits into a text, or into memory. */
export function largeLine(file: string, line: number): InputError {
  return new InputError(
    file,
    line,
    "this line is too large to be read at once. Let the exporter write smaller requests, such as a collector's batch processor makes with send_batch_max_size.",
  );
}

function toLine(number: number, parts: readonly Buffer[]): Line {
  const [first] = parts;
  const bytes = parts.length === 1 && first !== undefined ? first : Buffer.concat(parts);
  const text = bytes.toString('utf8');
  const whole = text.endsWith('\r') ? text.slice(0, -1) : text;
  return { number, text: number === 1 && whole.startsWith(byteOrderMark) ? whole.slice(1) : whole };
}
