import { createReadStream } from 'node:fs';
import { Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { InputError } from './input-error.ts';

const chunkSize = 1 << 20;
const gzipMagic = 0x1f8b;

/** The name by which a command line means standard input. */
export const standardInput = '-';

/** How an input is called in findings and errors. */
export function nameOf(file: string): string {
  return file === standardInput ? 'standard input' : file;
}

/**
 * The bytes of a file, or of standard input for `-`, in pieces. What is compressed with gzip is unpacked.
 *
 * @throws InputError when it cannot be read or unpacked.
 */
export async function* readBytes(file: string): AsyncIterable<Buffer> {
  const stream = file === standardInput ? process.stdin : createReadStream(file, { highWaterMark: chunkSize });
  const source: AsyncIterator<Buffer> = stream[Symbol.asyncIterator]();
  try {
    let head: Buffer = Buffer.alloc(0);
    while (head.length < 2) {
      const { value, done } = await source.next();
      if (done === true) break;
      head = Buffer.concat([head, value]);
    }
    const rest = { [Symbol.asyncIterator]: () => source };
    if (head.length >= 2 && head.readUInt16BE() === gzipMagic) {
      yield* unzip(head, rest);
    } else {
      if (head.length > 0) yield head;
      yield* rest;
    }
  } catch (error) {
    throw error instanceof InputError ? error : unreadable(file, error);
  } finally {
    stream.destroy();
  }
}

async function* unzip(head: Buffer, rest: AsyncIterable<Buffer>): AsyncIterable<Buffer> {
  const packed = Readable.from(join(head, rest), { objectMode: false });
  const unpacked = createGunzip({ chunkSize });
  packed.on('error', (error) => unpacked.destroy(error)).pipe(unpacked);
  const pieces: AsyncIterable<Buffer> = unpacked;
  yield* pieces;
}

async function* join(head: Buffer, rest: AsyncIterable<Buffer>): AsyncIterable<Buffer> {
  yield head;
  yield* rest;
}

/** Says why a file cannot be read. */
export function unreadable(file: string, error: unknown): InputError {
  return new InputError(nameOf(file), undefined, describeFailure(error));
}

function describeFailure(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  if (code === 'ENOENT') return 'there is no such file. Give the path of a file that a collector or an exporter wrote.';
  if (code === 'EISDIR') return 'this is a directory. Name the files in it.';
  if (code === 'EACCES') return 'this file may not be read by this user. Change its permissions, or run as its owner.';
  if (typeof code === 'string' && code.startsWith('Z_')) {
    return 'this gzip file is damaged or cut off. Was it copied while it was written? Copy it again.';
  }
  return `this file cannot be read (${typeof code === 'string' ? code : String(error)}).`;
}
