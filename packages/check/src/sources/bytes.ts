import { closeSync, createReadStream, openSync, readSync, statSync } from 'node:fs';
import { Readable } from 'node:stream';
import { InputError } from './input-error.ts';
import { damage, packedHead, packingOf, unpack } from './unpack.ts';

const chunkSize = 1 << 20;

/** The name by which a command line means standard input. */
export const standardInput = '-';

/** What can be read: a file by its path, standard input by `-`, or what was kept of what can be read only once. */
export type Input = string | KeptInput;

/** What came by a pipe, to be read more than once. It can be sent from one thread to another. */
export interface KeptInput {
  /** How the pipe is called. */
  readonly name: string;
  /** Its bytes, or the path of a file that holds them. */
  readonly content: Uint8Array | string;
}

/** How an input is called in findings and errors. */
export function nameOf(input: Input): string {
  if (typeof input !== 'string') return input.name;
  return input === standardInput ? 'standard input' : input;
}

/** Where an input is: its bytes, or the path of its file; undefined for standard input. */
function contentOf(input: Input): Uint8Array | string | undefined {
  if (typeof input !== 'string') return input.content;
  return input === standardInput ? undefined : input;
}

/** The path of the file that an input is in; undefined where it is in none. */
export function pathOf(input: Input): string | undefined {
  const content = contentOf(input);
  return typeof content === 'string' ? content : undefined;
}

/** How many bytes an input has, compressed as it may be; 0 where that is not known. */
export function sizeOf(input: Input): number {
  const content = contentOf(input);
  if (typeof content !== 'string') return content?.length ?? 0;
  try {
    return statSync(content).size;
  } catch {
    // Whoever reads it says in words what is wrong.
    return 0;
  }
}

/** Whether an input is compressed; undefined where that is not known. */
export function isCompressed(input: Input): boolean | undefined {
  const content = contentOf(input);
  if (content === undefined) return undefined;
  try {
    const head = typeof content === 'string' ? readHead(content) : Buffer.from(content.subarray(0, packedHead));
    return packingOf(head) !== undefined;
  } catch {
    return undefined;
  }
}

function readHead(path: string): Buffer {
  const descriptor = openSync(path, 'r');
  try {
    const head = Buffer.alloc(packedHead);
    return head.subarray(0, readSync(descriptor, head, 0, packedHead, 0));
  } finally {
    closeSync(descriptor);
  }
}

/**
 * The bytes of an input, in pieces. What is compressed, with gzip or zstd, is unpacked.
 *
 * @throws InputError when it cannot be read or unpacked.
 */
export async function* readBytes(input: Input): AsyncIterable<Buffer> {
  const stream = openStream(input);
  try {
    yield* unpack(stream, nameOf(input));
  } catch (error) {
    throw error instanceof InputError ? error : unreadable(input, error);
  } finally {
    stream.destroy();
  }
}

/** The bytes of an input as they are. */
export function openStream(input: Input): Readable {
  const content = contentOf(input);
  if (content === undefined) return process.stdin;
  if (typeof content === 'string') return createReadStream(content, { highWaterMark: chunkSize });
  return Readable.from([Buffer.from(content.buffer, content.byteOffset, content.length)]);
}

/** Says why an input cannot be read. */
export function unreadable(input: Input, error: unknown): InputError {
  return new InputError(nameOf(input), undefined, describeFailure(error));
}

/** The code of an error of the system, such as ENOENT. */
export function codeOf(error: unknown): string | undefined {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  return typeof code === 'string' ? code : undefined;
}

function describeFailure(error: unknown): string {
  const code = codeOf(error);
  if (code === 'ENOENT') return 'there is no such file. Give the path of a file that a collector or an exporter wrote.';
  if (code === 'EISDIR') return 'this is a directory. Name the files in it.';
  if (code === 'EACCES') return 'this file may not be read by this user. Change its permissions, or run as its owner.';
  if (code !== undefined && /^Z(?:STD)?_/u.test(code)) return damage;
  return `this file cannot be read (${code ?? String(error)}).`;
}
