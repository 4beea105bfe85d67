import { closeSync, openSync, readSync } from 'node:fs';
import { type Input, isCompressed, nameOf, pathOf, readBytes, unreadable } from '../sources/bytes.ts';
import { largeLine } from '../sources/lines.ts';
import type { ScanMemory } from './scan-memory.ts';

const newline = 0x0a;
/** Bytes, about: what is read again where something in it has to be. */
const blockSize = 1 << 16;

/** A part of a file: the lines that begin from one byte up to another. What is compressed is one part. */
export interface FileRange {
  readonly file: Input;
  readonly from: number;
  readonly to: number;
  /** The number of its first line; default 1. */
  readonly firstLine?: number;
}

/** What looks at lines as they go by. They are in the memory, and only for the time of the call. */
export interface LineVisitor {
  /** So many lines follow one another: the first of them begins at this byte of the file. */
  block(offset: number, line: number): void;
  line(start: number, end: number, line: number): void;
}

/** Whether an input can be read from anywhere: it is a file that is there, and not compressed. */
export function isPlain(input: Input): boolean {
  return pathOf(input) !== undefined && isCompressed(input) === false;
}

/**
 * Shows the lines of a part of a file, plain or compressed, to a visitor. All are read into one and the same memory.
 *
 * @throws InputError when it cannot be read, and for a line that there is no memory for.
 */
export async function walkLines(range: FileRange, memory: ScanMemory, visitor: LineVisitor): Promise<void> {
  const cutter = new LineCutter(range, memory, visitor);
  const path = isPlain(range.file) ? pathOf(range.file) : undefined;
  if (path !== undefined) {
    walkPlain(path, range, memory, cutter);
    return;
  }
  for await (const piece of readBytes(range.file)) {
    for (let at = 0; at < piece.length;) {
      const copied = piece.copy(memory.bytes, cutter.filled, at);
      cutter.take(copied);
      at += copied;
    }
  }
  cutter.finish();
}

/** Without waiting: reading what the system has read ahead is not worth a way to another thread and back. */
function walkPlain(path: string, { file, from }: FileRange, memory: ScanMemory, cutter: LineCutter): void {
  // The byte before says whether a line begins here.
  let position = Math.max(from - 1, 0);
  const descriptor = openSync(path, 'r');
  try {
    for (;;) {
      const { bytes } = memory;
      const read = readPiece(descriptor, bytes, cutter.filled, position, file);
      position += read;
      if (read === 0) break;
      if (!cutter.take(read)) return;
    }
    cutter.finish();
  } finally {
    closeSync(descriptor);
  }
}

function readPiece(descriptor: number, bytes: Buffer, at: number, position: number, file: Input): number {
  try {
    return readSync(descriptor, bytes, at, bytes.length - at, position);
  } catch (error) {
    throw unreadable(file, error);
  }
}

/** Cuts what is read into the memory into lines. */
class LineCutter {
  /** How much of the memory is taken by the beginning of a line. */
  filled = 0;
  readonly #memory: ScanMemory;
  readonly #visitor: LineVisitor;
  readonly #to: number;
  readonly #name: string;
  /** Where in the file the memory begins. */
  #base: number;
  #line: number;
  /** Where the memory begins is the end, or the middle, of a line that belongs to the part before. */
  #isBefore: boolean;

  constructor({ file, from, to, firstLine = 1 }: FileRange, memory: ScanMemory, visitor: LineVisitor) {
    this.#memory = memory;
    this.#visitor = visitor;
    this.#to = to;
    this.#name = nameOf(file);
    this.#base = Math.max(from - 1, 0);
    this.#line = firstLine;
    this.#isBefore = from > 0;
  }

  /** Takes so many bytes that were read behind the filled ones; false once there is no need of more. */
  take(read: number): boolean {
    const { bytes } = this.#memory;
    const until = this.filled + read;
    let start = 0;
    let blockEnd = 0;
    for (
      let end = bytes.indexOf(newline, this.filled);
      end !== -1 && end < until;
      end = bytes.indexOf(newline, start)
    ) {
      if (this.#isBefore) this.#isBefore = false;
      else {
        if (this.#base + start >= this.#to) return false;
        if (start >= blockEnd) {
          this.#visitor.block(this.#base + start, this.#line);
          blockEnd = start + blockSize;
        }
        this.#visitor.line(start, end, this.#line);
        this.#line += 1;
      }
      start = end + 1;
    }
    if (this.#isBefore) start = until;
    bytes.copyWithin(0, start, until);
    this.#base += start;
    this.filled = until - start;
    if (this.filled === bytes.length && !this.#memory.widen()) throw largeLine(this.#name, this.#line);
    return this.#base < this.#to;
  }

  /** Shows the last line, if nothing ends it. */
  finish(): void {
    if (this.filled === 0 || this.#base >= this.#to) return;
    this.#visitor.block(this.#base, this.#line);
    this.#visitor.line(0, this.filled, this.#line);
  }
}
