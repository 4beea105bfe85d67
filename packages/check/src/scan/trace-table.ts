import { HashTable } from './hash-table.ts';
import type { ScreenPart } from './screen-part.ts';
import { WordTable } from './word-table.ts';

/** Where in the row of a trace the words are, and how wide it is. */
export const traceColumn: {
  readonly head: 0;
  readonly lastSeen: 1;
  readonly spans: 2;
  readonly turns: 3;
  readonly firstBlock: 4;
  readonly lastBlock: 5;
  readonly width: 6;
} = {
  /** The row of the span that came last, plus one; 0: the trace is closed. */
  head: 0,
  /** How many spans had gone by when it came. */
  lastSeen: 1,
  /** How many spans and turns it had when it was closed. */
  spans: 2,
  turns: 3,
  /** The blocks of the input between which its spans are. */
  firstBlock: 4,
  lastBlock: 5,
  width: 6,
};

/** How much is in some traces. */
export interface TraceCounts {
  readonly spans: number;
  readonly turns: number;
}

/** What is known of each trace: a row of numbers, by the number of the trace. */
export class TraceTable {
  readonly hashes: HashTable = new HashTable();
  readonly #facts = new WordTable(traceColumn.width, 1024);
  /** Spans of a trace often follow one another. */
  #last = -1;
  #lastHigh = 0;
  #lastLow = 0;

  get words(): Uint32Array<ArrayBuffer> {
    return this.#facts.words;
  }

  /** What is known of all traces: see `absorb`. */
  get used(): Uint32Array<ArrayBuffer> {
    return this.#facts.used;
  }

  get size(): number {
    return this.hashes.size;
  }

  /** The number of the trace with this hash, a span of which stands in a block. */
  add(high: number, low: number, block: number): number {
    if (this.#last === -1 || high !== this.#lastHigh || low !== this.#lastLow) {
      this.#last = this.#number(high, low, block);
      this.#lastHigh = high;
      this.#lastLow = low;
    }
    this.words[this.#last * traceColumn.width + traceColumn.lastBlock] = block;
    return this.#last;
  }

  /**
   * Takes the traces of a later part of the input, whose blocks follow so many of ours: which numbers they have here,
   * and which of them had been closed before.
   */
  absorb(
    { traces, facts }: ScreenPart,
    blocks: number,
  ): { readonly numbers: Uint32Array; readonly returning: readonly number[] } {
    const numbers = new Uint32Array(traces.length / 2);
    const returning: number[] = [];
    for (let number = 0; number < numbers.length; number += 1) {
      const from = number * traceColumn.width;
      const first = (facts[from + traceColumn.firstBlock] ?? 0) + blocks;
      const known = this.size;
      const trace = this.#number(traces[number * 2] ?? 0, traces[number * 2 + 1] ?? 0, first);
      numbers[number] = trace;
      const { words } = this;
      const at = trace * traceColumn.width;
      words[at + traceColumn.lastBlock] = (facts[from + traceColumn.lastBlock] ?? 0) + blocks;
      // Whatever was closed there was judged without what is here, unless there is nothing here.
      const isClosedThere = (facts[from + traceColumn.spans] ?? 0) > 0;
      const isKnown = trace < known;
      if (isKnown && (isClosedThere || words[at + traceColumn.spans] !== 0)) returning.push(trace);
      words[at + traceColumn.spans] = (words[at + traceColumn.spans] ?? 0) + (facts[from + traceColumn.spans] ?? 0);
      words[at + traceColumn.turns] = (words[at + traceColumn.turns] ?? 0) + (facts[from + traceColumn.turns] ?? 0);
    }
    return { numbers, returning };
  }

  /** What is in all traces but these. */
  countWithout(traces: ReadonlySet<number>): TraceCounts {
    const { words } = this;
    let [spans, turns] = [0, 0];
    for (let trace = 0; trace < this.size; trace += 1) {
      if (traces.has(trace)) continue;
      spans += words[trace * traceColumn.width + traceColumn.spans] ?? 0;
      turns += words[trace * traceColumn.width + traceColumn.turns] ?? 0;
    }
    return { spans, turns };
  }

  /** Between which blocks the spans of some traces are, by where they begin. */
  blocksOf(traces: ReadonlySet<number>): readonly (readonly [first: number, last: number])[] {
    const { words } = this;
    return Array.from(traces, (trace) => {
      const at = trace * traceColumn.width;
      return [words[at + traceColumn.firstBlock] ?? 0, words[at + traceColumn.lastBlock] ?? 0] as const;
    }).toSorted(([left], [right]) => left - right);
  }

  #number(high: number, low: number, block: number): number {
    const known = this.hashes.size;
    const trace = this.hashes.add(high, low);
    if (trace < known) return trace;
    const row = this.#facts.add();
    this.words[row + traceColumn.firstBlock] = block;
    return trace;
  }
}
