import { createReadStream } from 'node:fs';
import { InputError } from './input-error.ts';
import { damage, unpack } from './unpack.ts';

const chunkSize = 1 << 20;

/** The name by which a command line means standard input. */
export const standardInput = '-';

/** How an input is called in findings and errors. */
export function nameOf(file: string): string {
  return file === standardInput ? 'standard input' : file;
}

/**
 * The bytes of a file, or of standard input for `-`, in pieces. What is compressed, with gzip or zstd, is unpacked.
 *
 * @throws InputError when it cannot be read or unpacked.
 */
export async function* readBytes(file: string): AsyncIterable<Buffer> {
  const stream = file === standardInput ? process.stdin : createReadStream(file, { highWaterMark: chunkSize });
  try {
    yield* unpack(stream, nameOf(file));
  } catch (error) {
    throw error instanceof InputError ? error : unreadable(file, error);
  } finally {
    stream.destroy();
  }
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
  if (typeof code === 'string' && /^Z(?:STD)?_/u.test(code)) return damage;
  return `this file cannot be read (${typeof code === 'string' ? code : String(error)}).`;
}
