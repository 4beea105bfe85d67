import { createReadStream } from 'node:fs';
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
 * The lines of a file, one after another. Ends are `\n` and `\r\n` alone: `node:readline` also ends a line at U+2028,
 * which may stand inside a JSON text.
 *
 * @throws InputError when the file cannot be read.
 */
export async function* readLines(file: string): AsyncIterable<Line> {
  let number = 0;
  let pending: Buffer[] = [];
  for await (const chunk of readChunks(file)) {
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
  const text = Buffer.concat(parts).toString('utf8').replace(/\r$/u, '');
  return { number, text: number === 1 && text.startsWith(byteOrderMark) ? text.slice(1) : text };
}

async function* readChunks(file: string): AsyncIterable<Buffer> {
  const stream: AsyncIterable<Buffer> = createReadStream(file, { highWaterMark: 1 << 20 });
  try {
    yield* stream;
  } catch (error) {
    throw new InputError(file, undefined, describeFailure(error));
  }
}

function describeFailure(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  if (code === 'ENOENT') return 'there is no such file. Give the path of a file that a collector or an exporter wrote.';
  if (code === 'EISDIR') return 'this is a directory. Name the files in it.';
  if (code === 'EACCES') return 'this file may not be read by this user. Change its permissions, or run as its owner.';
  return `this file cannot be read (${typeof code === 'string' ? code : String(error)}).`;
}
