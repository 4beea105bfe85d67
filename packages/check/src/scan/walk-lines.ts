import { open } from 'node:fs/promises';
import { readBytes, standardInput } from '../sources/bytes.ts';

const newline = 0x0a;
const gzipMagic = 0x1f8b;
const pieceSize = 1 << 20;

/** A line as a place in a larger piece of bytes, which holds good until the next line is asked for. */
export interface LineBytes {
  readonly bytes: Buffer;
  readonly start: number;
  readonly end: number;
  /** From 1. */
  readonly number: number;
}

/**
 * The lines of a file, plain or in gzip. A plain file is read into one and the same piece of memory.
 *
 * @throws InputError when it cannot be read.
 */
export async function* walkLines(file: string): AsyncIterable<LineBytes> {
  yield* (await isPlain(file)) ? walkPlain(file) : walkPieces(readBytes(file));
}

async function isPlain(file: string): Promise<boolean> {
  if (file === standardInput) return false;
  try {
    await using handle = await open(file);
    const { bytesRead, buffer } = await handle.read(Buffer.alloc(2), 0, 2, 0);
    return bytesRead === 2 && buffer.readUInt16BE() !== gzipMagic;
  } catch {
    // Whoever reads it says in words what is wrong.
    return false;
  }
}

async function* walkPlain(file: string): AsyncIterable<LineBytes> {
  await using handle = await open(file);
  let bytes = Buffer.allocUnsafe(pieceSize);
  let number = 0;
  let filled = 0;
  for (;;) {
    const { bytesRead } = await handle.read(bytes, filled, bytes.length - filled);
    const until = filled + bytesRead;
    let from = 0;
    for (let end = bytes.indexOf(newline, filled); end !== -1 && end < until; end = bytes.indexOf(newline, from)) {
      number += 1;
      yield { bytes, start: from, end, number };
      from = end + 1;
    }
    filled = until - from;
    if (bytesRead === 0) {
      if (filled > 0) yield { bytes, start: from, end: until, number: number + 1 };
      return;
    }
    if (filled === bytes.length) {
      const wider = Buffer.allocUnsafe(bytes.length * 2);
      bytes.copy(wider);
      bytes = wider;
    } else bytes.copyWithin(0, from, until);
  }
}

async function* walkPieces(pieces: AsyncIterable<Buffer>): AsyncIterable<LineBytes> {
  let number = 0;
  let pending: Buffer[] = [];
  for await (const piece of pieces) {
    let from = 0;
    for (let end = piece.indexOf(newline); end !== -1; end = piece.indexOf(newline, from)) {
      number += 1;
      if (pending.length === 0) yield { bytes: piece, start: from, end, number };
      else {
        const bytes = Buffer.concat([...pending, piece.subarray(from, end)]);
        pending = [];
        yield { bytes, start: 0, end: bytes.length, number };
      }
      from = end + 1;
    }
    if (from < piece.length) pending.push(piece.subarray(from));
  }
  if (pending.length === 0) return;
  const bytes = Buffer.concat(pending);
  yield { bytes, start: 0, end: bytes.length, number: number + 1 };
}
