import { flag, number, type SpanRows, word } from './span-rows.ts';

/** SDKs cut start times off to the millisecond; less what a float cannot tell. Nanoseconds. */
const tolerance = 2_000_000 - 2_048;
/** Above so many spans a table is quicker than looking through them. */
const few = 24;
/** In place of a position: there is none, and parents form a ring. */
const [none, ring] = [-1, -2];

/** What is known of a trace once it is whole. */
export interface TraceVerdict {
  readonly isSuspect: boolean;
  /** The rows of turns that no run encloses. */
  readonly turns: readonly number[];
}

/**
 * Judges traces one after another: whether a rule may find something in one that no span shows by itself, rather too
 * often than not often enough. What it needs for that is used again for the next trace.
 */
export class TraceJudge {
  readonly #rows: SpanRows;
  /** By position of a member: the position of its parent. */
  #parents = new Int32Array(64);
  /** By position of a member: the walk up the parents that came by first, from 1; 0: none yet. */
  #walks = new Int32Array(64);
  /** By position of a run: the sums of what its model calls count. */
  #inputs = new Float64Array(64);
  #outputs = new Float64Array(64);

  constructor(rows: SpanRows) {
    this.#rows = rows;
  }

  /** Judges the trace that has these rows. */
  judge(members: readonly number[]): TraceVerdict {
    const { words } = this.#rows;
    if (members.length > this.#parents.length) this.#widen(members.length);
    let isSuspect = this.#findParents(members);
    let all = 0;
    let runs = 0;
    let responses = 0;
    let isMixed = false;
    const first = members[0] ?? 0;
    const high = words[first + word.session];
    const low = words[first + word.session + 1];
    for (let at = 0; at < members.length; at += 1) {
      const row = members[at] ?? 0;
      const flags = words[row + word.flags] ?? 0;
      all |= flags;
      if ((flags & flag.isRun) !== 0) runs += 1;
      if ((flags & flag.hasResponse) !== 0) responses += 1;
      if ((flags & flag.isStamped) === 0 || words[row + word.session + 1] !== low || words[row + word.session] !== high)
        isMixed = true;
    }
    if ((all & flag.isFlawed) !== 0) isSuspect = true;
    if (responses > 1 && this.#hasRepeatedResponse(members)) isSuspect = true;
    const turns: number[] = [];
    if (runs > 0 && this.#judgeRuns(members, isMixed, turns)) isSuspect = true;
    return { isSuspect, turns };
  }

  #widen(size: number): void {
    this.#parents = new Int32Array(size * 2);
    this.#walks = new Int32Array(size * 2);
    this.#inputs = new Float64Array(size * 2);
    this.#outputs = new Float64Array(size * 2);
  }

  /** Finds the parent of each member; whether something is odd about one. */
  #findParents(members: readonly number[]): boolean {
    const { words } = this.#rows;
    const table = members.length <= few ? undefined : this.#tableOf(members);
    let isSuspect = false;
    for (let position = 0; position < members.length; position += 1) {
      const row = members[position] ?? 0;
      const flags = words[row + word.flags] ?? 0;
      // The same span twice, as after a repeated export: only the index of the rules counts it once.
      if (this.#find(members, table, row + word.span) !== position) isSuspect = true;
      const parent = (flags & flag.hasParent) === 0 ? none : this.#find(members, table, row + word.parent);
      this.#parents[position] = parent;
      if ((flags & flag.hasParent) === 0) continue;
      if (parent === position) isSuspect = true;
      if (parent === none) isSuspect ||= (flags & flag.isEntry) === 0;
      else isSuspect ||= this.#isOutside(row, members[parent] ?? 0);
    }
    return isSuspect;
  }

  /** The position of the member with the id that stands at a place. */
  #find(members: readonly number[], table: ReadonlyMap<bigint, number> | undefined, place: number): number {
    const { words } = this.#rows;
    const high = words[place];
    const low = words[place + 1];
    if (table !== undefined) return table.get(keyOf(high, low)) ?? none;
    for (let position = 0; position < members.length; position += 1) {
      const row = members[position] ?? 0;
      if (words[row + word.span + 1] === low && words[row + word.span] === high) return position;
    }
    return none;
  }

  #tableOf(members: readonly number[]): ReadonlyMap<bigint, number> {
    const { words } = this.#rows;
    const table = new Map<bigint, number>();
    for (let position = members.length - 1; position >= 0; position -= 1) {
      const row = members[position] ?? 0;
      table.set(keyOf(words[row + word.span], words[row + word.span + 1]), position);
    }
    return table;
  }

  #isOutside(row: number, parent: number): boolean {
    const { words, numbers } = this.#rows;
    if (words[row + word.resource] !== words[parent + word.resource]) return false;
    if (((words[row + word.flags] ?? 0) & flag.isDetached) !== 0) return false;
    if (((words[parent + word.flags] ?? 0) & flag.isProducer) !== 0) return false;
    return (
      (numbers[row / 2 + number.start] ?? 0) + tolerance < (numbers[parent / 2 + number.start] ?? 0) ||
      (numbers[row / 2 + number.end] ?? 0) > (numbers[parent / 2 + number.end] ?? 0) + tolerance
    );
  }

  #hasRepeatedResponse(members: readonly number[]): boolean {
    const { words } = this.#rows;
    const seen: number[] = [];
    for (const row of members) {
      if (((words[row + word.flags] ?? 0) & flag.hasResponse) === 0) continue;
      seen.push(words[row + word.response] ?? 0);
    }
    return seen.length <= few
      ? seen.some((response, at) => seen.indexOf(response) !== at)
      : new Set(seen).size < seen.length;
  }

  /** Judges what holds between runs and what is below them: stamps, roots, sums. Names the turns. */
  #judgeRuns(members: readonly number[], isMixed: boolean, turns: number[]): boolean {
    const { words, numbers } = this.#rows;
    const parents = this.#parents;
    const inputs = this.#inputs;
    const outputs = this.#outputs;
    let isSuspect = false;
    let isNested = false;
    let tops = 0;
    // Not a number: no call below the run counts anything.
    inputs.fill(Number.NaN, 0, members.length);
    outputs.fill(Number.NaN, 0, members.length);
    for (let position = 0; position < members.length; position += 1) {
      const row = members[position] ?? 0;
      const flags = words[row + word.flags] ?? 0;
      const parent = parents[position] ?? none;
      const isRun = (flags & flag.isRun) !== 0;
      const above = this.#climb(members, isRun ? parent : position);
      if (above === ring) return true;
      if (isRun) {
        isNested ||= above !== none;
        const parentFlags = parent === none ? 0 : (words[(members[parent] ?? 0) + word.flags] ?? 0);
        // A root right below another one, or below a model call: one run with two roots?
        if ((parentFlags & (flag.isRun | flag.isChat)) !== 0) isSuspect = true;
        if ((flags & flag.hasParent) === 0) tops += 1;
        if (above === none && (flags & flag.isTurn) !== 0) turns.push(row);
        else if ((flags & flag.hasLink) !== 0) isSuspect = true;
      }
      if (above !== none && isMixed && !this.#isSameSession(row, members[above] ?? 0)) isSuspect = true;
      // A root that is a model call counts for its own run.
      const run = isRun ? position : above;
      if (run === none || (flags & flag.isChat) === 0) continue;
      add(inputs, run, (flags & flag.hasInput) === 0 ? Infinity : (numbers[row / 2 + number.input] ?? 0));
      add(outputs, run, (flags & flag.hasOutput) === 0 ? Infinity : (numbers[row / 2 + number.output] ?? 0));
    }
    for (let position = 0; position < members.length; position += 1) {
      const row = members[position] ?? 0;
      const flags = words[row + word.flags] ?? 0;
      if ((flags & flag.isRun) === 0) continue;
      const input = inputs[position] ?? 0;
      const output = outputs[position] ?? 0;
      // A sum that is not finite has a call that says nothing, or no call at all.
      if ((flags & flag.hasInput) !== 0 && Number.isFinite(input) && numbers[row / 2 + number.input] !== input)
        isSuspect = true;
      if ((flags & flag.hasOutput) !== 0 && Number.isFinite(output) && numbers[row / 2 + number.output] !== output)
        isSuspect = true;
    }
    return isSuspect || tops > 1 || (isNested && this.#hasRing(members));
  }

  /** Whether parents form a ring: who is above whom then, only the index of the rules knows. */
  #hasRing(members: readonly number[]): boolean {
    const walks = this.#walks;
    walks.fill(0, 0, members.length);
    for (let walk = 1; walk <= members.length; walk += 1) {
      let at = walk - 1;
      for (; at !== none && walks[at] === 0; at = this.#parents[at] ?? none) walks[at] = walk;
      if (at !== none && walks[at] === walk) return true;
    }
    return false;
  }

  /** The position of the nearest run, from a position upwards; `none`, or `ring`. */
  #climb(members: readonly number[], from: number): number {
    const { words } = this.#rows;
    let at = from;
    for (let steps = 0; at !== none; steps += 1) {
      if (((words[(members[at] ?? 0) + word.flags] ?? 0) & flag.isRun) !== 0) return at;
      if (steps > members.length) return ring;
      at = this.#parents[at] ?? none;
    }
    return none;
  }

  #isSameSession(left: number, right: number): boolean {
    const { words } = this.#rows;
    const stamps = (words[left + word.flags] ?? 0) & (words[right + word.flags] ?? 0) & flag.isStamped;
    return (
      stamps !== 0 &&
      words[left + word.session] === words[right + word.session] &&
      words[left + word.session + 1] === words[right + word.session + 1]
    );
  }
}

function add(sums: Float64Array, run: number, value: number): void {
  const sum = sums[run] ?? 0;
  sums[run] = Number.isNaN(sum) ? value : sum + value;
}

function keyOf(high = 0, low = 0): bigint {
  return (BigInt(high) << 32n) | BigInt(low);
}
