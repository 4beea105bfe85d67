import { HashTable } from './hash-table.ts';
import { flag, number, type SpanRows, word } from './span-rows.ts';
import { WordTable } from './word-table.ts';

/** Starts nearer to one another than this may be in any order: times are kept to the nearest 256 ns. */
const blur = 2_048;

/** Where in a row the words are; two each for ids and hashes of 64 bits. The start is the last float of the row. */
const column = { trace: 0, session: 1, resource: 2, hasLink: 3, span: 4, linkTrace: 6, linkSpan: 8, start: 5 } as const;
const width = 12;

/** What stays of each turn once its trace is closed: enough to see whether turns follow one another. */
export class TurnLedger {
  readonly #turns = new WordTable(width);

  /** What is known of all turns: see `absorb`. */
  get used(): Uint32Array<ArrayBuffer> {
    return this.#turns.used;
  }

  add(rows: SpanRows, row: number, trace: number, session: number): void {
    const turn = this.#turns.add();
    const { words, numbers } = this.#turns;
    const from = rows.words;
    words[turn + column.trace] = trace;
    words[turn + column.session] = session;
    words[turn + column.resource] = from[row + word.resource] ?? 0;
    words[turn + column.hasLink] = (from[row + word.flags] ?? 0) & flag.hasLink;
    for (let at = 0; at < 2; at += 1) {
      words[turn + column.span + at] = from[row + word.span + at] ?? 0;
      words[turn + column.linkTrace + at] = from[row + word.linkTrace + at] ?? 0;
      words[turn + column.linkSpan + at] = from[row + word.linkSpan + at] ?? 0;
    }
    numbers[turn / 2 + column.start] = rows.numbers[row / 2 + number.start] ?? 0;
  }

  /** Takes the turns of another ledger, whose traces, sessions and resources have these numbers here. */
  absorb(
    turns: Uint32Array,
    traces: Readonly<Uint32Array>,
    sessions: Readonly<Uint32Array>,
    resources: readonly number[],
  ): void {
    for (let from = 0; from < turns.length; from += width) {
      const turn = this.#turns.add();
      const { words } = this.#turns;
      for (let at = 0; at < width; at += 1) words[turn + at] = turns[from + at] ?? 0;
      words[turn + column.trace] = traces[turns[from + column.trace] ?? 0] ?? 0;
      words[turn + column.session] = sessions[turns[from + column.session] ?? 0] ?? 0;
      words[turn + column.resource] = resources[turns[from + column.resource] ?? 0] ?? 0;
    }
  }

  /** Adds each trace that is not whole yet, and that a link leads to from one that is. */
  follow(traces: HashTable, isWhole: Uint8Array, add: (trace: number) => void): void {
    const { words, end } = this.#turns;
    for (let turn = 0; turn < end; turn += width) {
      if (words[turn + column.hasLink] === 0 || isWhole[words[turn + column.trace] ?? 0] !== 1) continue;
      const to = this.#target(turn, traces);
      if (to !== -1 && isWhole[to] === 0) add(to);
    }
  }

  /** Sessions whose turns do not follow one another, link by link: with what is unusual, rather too many than too few. */
  suspects(traces: HashTable): ReadonlySet<number> {
    const { words, numbers, end } = this.#turns;
    const order = Uint32Array.from({ length: end / width }, (_, at) => at * width).toSorted(
      (left, right) =>
        (words[left + column.session] ?? 0) - (words[right + column.session] ?? 0) ||
        (words[left + column.resource] ?? 0) - (words[right + column.resource] ?? 0) ||
        (numbers[left / 2 + column.start] ?? 0) - (numbers[right / 2 + column.start] ?? 0),
    );
    const roots = new HashTable(order.length);
    const owners = new WordTable(1);
    for (let turn = 0; turn < end; turn += width) {
      const high = words[turn + column.span] ?? 0;
      const low = words[turn + column.span + 1] ?? 0;
      const known = roots.size;
      if (roots.add((words[turn + column.trace] ?? 0) ^ high, low) < known) continue;
      const owner = owners.add();
      owners.words[owner] = words[turn + column.session] ?? 0;
    }
    const suspects = new Set<number>();
    for (let at = 0; at < order.length; at += 1) {
      const turn = order[at] ?? 0;
      const before = at === 0 ? -1 : (order[at - 1] ?? -1);
      if (!this.#follows(turn, before, traces, roots, owners)) suspects.add(words[turn + column.session] ?? 0);
    }
    return suspects;
  }

  #target(turn: number, traces: HashTable): number {
    const { words } = this.#turns;
    return traces.find(words[turn + column.linkTrace] ?? 0, words[turn + column.linkTrace + 1] ?? 0);
  }

  #follows(turn: number, before: number, traces: HashTable, roots: HashTable, owners: WordTable): boolean {
    const { words, numbers } = this.#turns;
    const isFirst =
      before === -1 ||
      words[before + column.session] !== words[turn + column.session] ||
      words[before + column.resource] !== words[turn + column.resource];
    if (words[turn + column.hasLink] === 0)
      return isFirst || words[before + column.trace] === words[turn + column.trace];
    const target = this.#target(turn, traces);
    if (target === -1) return false;
    const high = words[turn + column.linkSpan] ?? 0;
    const low = words[turn + column.linkSpan + 1] ?? 0;
    const isBefore =
      !isFirst &&
      target === words[before + column.trace] &&
      high === words[before + column.span] &&
      low === words[before + column.span + 1] &&
      (numbers[turn / 2 + column.start] ?? 0) - (numbers[before / 2 + column.start] ?? 0) > blur;
    if (isBefore) return true;
    const root = roots.find(target ^ high, low);
    return isFirst && root !== -1 && owners.words[root] === words[turn + column.session];
  }
}
