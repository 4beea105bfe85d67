import { WordTable } from './word-table.ts';

/** What is known of a span besides numbers; bits of the column `flags`. */
export const flag: {
  readonly hasParent: 1;
  readonly isEntry: 2;
  readonly isStamped: 4;
  readonly isRun: 8;
  readonly isTurn: 16;
  readonly isChat: 32;
  readonly isFlawed: 64;
  readonly isDetached: 128;
  readonly hasLink: 256;
  readonly hasResponse: 512;
  readonly hasInput: 1_024;
  readonly hasOutput: 2_048;
  readonly hasEngineSession: 4_096;
  readonly isProducer: 8_192;
  readonly isGenerated: 16_384;
} = {
  hasParent: 1,
  /** The parent is, or may be, in another process: it need not be in the input. */
  isEntry: 2,
  isStamped: 4,
  isRun: 8,
  isTurn: 16,
  isChat: 32,
  /** The span by itself gives a rule something to look at. */
  isFlawed: 64,
  /** Its times need not be inside of its parent's. */
  isDetached: 128,
  hasLink: 256,
  hasResponse: 512,
  hasInput: 1_024,
  hasOutput: 2_048,
  hasEngineSession: 4_096,
  /** What hangs below may lie outside of its times. */
  isProducer: 8_192,
  /** The session is said to be generated. */
  isGenerated: 16_384,
};

/** Where in a row the words are: each 32 bits wide. A hash or an id of 64 bits is two, the high one first. */
export const word: {
  readonly trace: 0;
  readonly span: 2;
  readonly parent: 4;
  readonly session: 6;
  readonly resource: 8;
  readonly flags: 9;
  readonly next: 10;
  readonly response: 11;
  readonly linkTrace: 16;
  readonly linkSpan: 18;
  readonly engineSession: 20;
} = {
  trace: 0,
  span: 2,
  parent: 4,
  session: 6,
  resource: 8,
  flags: 9,
  /** The next row of the same trace, or the next free one, plus one; 0: none. */
  next: 10,
  /** Half of the hash: two alike are enough to look again. */
  response: 11,
  linkTrace: 16,
  linkSpan: 18,
  engineSession: 20,
};

/** Where in a row the numbers are: counted in floats of 64 bits. */
export const number: { readonly start: 6; readonly end: 7; readonly input: 11; readonly output: 12 } = {
  /** Nanoseconds since the epoch, to the nearest 256. */
  start: 6,
  end: 7,
  input: 11,
  output: 12,
};

/** Words in a row. What every span has comes first, in the 64 bytes that a processor loads at once. */
export const rowWidth = 26;

/**
 * Facts of spans, a row each, without an object for any of them. Rows are lent and given back: there are as many as
 * spans of traces that are still open.
 */
export class SpanRows {
  readonly #table = new WordTable(rowWidth);
  /** The first free row plus one. */
  #free = 0;

  get words(): Uint32Array<ArrayBuffer> {
    return this.#table.words;
  }

  get numbers(): Float64Array<ArrayBuffer> {
    return this.#table.numbers;
  }

  /** Lends a row, with what was left in it. */
  take(): number {
    const row = this.#free - 1;
    if (row === -1) return this.#table.add();
    this.#free = this.#table.words[row + word.next] ?? 0;
    return row;
  }

  /** Takes a row back. */
  give(row: number): void {
    this.#table.words[row + word.next] = this.#free;
    this.#free = row + 1;
  }
}
