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
 */
export async function* splitLines(bytes: AsyncIterable<Buffer>): AsyncIterable<Line> {
  let number = 0;
  let pending: Buffer[] = [];
  for await (const chunk of bytes) {
    let from = 0;
    for (let end = chunk.indexOf(newline); end !== -1; end = chunk.indexOf(newline, from)) {
      pending.push(chunk.subarray(from, end));
      yield toLine(++number, pending);
      pending = [];
      from = end + 1;
    }
    if (from < chunk.length) pending.push(chunk.subarray(from));
  }
  if (pending.length > 0) yield toLine(++number, pending);
}

function toLine(number: number, parts: readonly Buffer[]): Line {
  const [first] = parts;
  const bytes = parts.length === 1 && first !== undefined ? first : Buffer.concat(parts);
  const text = bytes.toString('utf8');
  const whole = text.endsWith('\r') ? text.slice(0, -1) : text;
  return { number, text: number === 1 && whole.startsWith(byteOrderMark) ? whole.slice(1) : whole };
}
