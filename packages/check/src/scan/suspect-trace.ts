import { flag, type SpanRows } from './span-rows.ts';

/** SDKs cut start times off to the millisecond; less what a float cannot tell. Nanoseconds. */
const tolerance = 2_000_000 - 2_048;
/** Above so many spans a table is quicker than looking through them. */
const few = 24;

/** What is known of a trace once it is whole. */
export interface TraceVerdict {
  readonly isSuspect: boolean;
  /** The rows of turns that no run encloses. */
  readonly turns: readonly number[];
}

/** Whether a rule may find something in a trace that no span shows by itself; rather too often than not often enough. */
export function judgeTrace(rows: SpanRows, members: readonly number[]): TraceVerdict {
  const parents = findParents(rows, members);
  let isFlawed = parents.isSuspect;
  let [runs, responses, unstamped, sessions] = [0, 0, 0, 0];
  let [high, low] = [0, 0];
  for (const row of members) {
    const flags = rows.flags[row] ?? 0;
    if ((flags & flag.isFlawed) !== 0) isFlawed = true;
    if ((flags & flag.isRun) !== 0) runs += 1;
    if ((flags & flag.hasResponse) !== 0) responses += 1;
    if ((flags & flag.isStamped) === 0) unstamped += 1;
    else if (sessions === 0 || rows.sessionHigh[row] !== high || rows.sessionLow[row] !== low) {
      sessions += 1;
      [high, low] = [rows.sessionHigh[row] ?? 0, rows.sessionLow[row] ?? 0];
    }
  }
  if (responses > 1 && hasRepeatedResponse(rows, members)) isFlawed = true;
  if (runs === 0) return { isSuspect: isFlawed, turns: [] };
  const { turns, isSuspect: hasBadRun } = judgeRuns(rows, members, parents.positions, unstamped > 0 || sessions > 1);
  return { isSuspect: isFlawed || hasBadRun, turns };
}

interface Parents {
  /** By position of a member: the position of its parent; -1: none in here. */
  readonly positions: Int32Array;
  readonly isSuspect: boolean;
}

function findParents(rows: SpanRows, members: readonly number[]): Parents {
  const positions = new Int32Array(members.length).fill(-1);
  const find = members.length <= few ? searchIn(rows, members) : tableOf(rows, members);
  let isSuspect = false;
  for (const [position, row] of members.entries()) {
    const flags = rows.flags[row] ?? 0;
    // The same span twice, as after a repeated export: only the index of the rules counts it once.
    if (find(rows.spanHigh[row] ?? 0, rows.spanLow[row] ?? 0) !== position) isSuspect = true;
    if ((flags & flag.hasParent) === 0) continue;
    const parent = find(rows.parentHigh[row] ?? 0, rows.parentLow[row] ?? 0);
    positions[position] = parent;
    if (parent === position) isSuspect = true;
    if (parent === -1) isSuspect ||= (flags & flag.isEntry) === 0;
    else isSuspect ||= isOutside(rows, row, members[parent] ?? 0);
  }
  return { positions, isSuspect };
}

function searchIn(rows: SpanRows, members: readonly number[]): (high: number, low: number) => number {
  return (high, low) => {
    for (let position = 0; position < members.length; position += 1) {
      const row = members[position] ?? 0;
      if (rows.spanLow[row] === low && rows.spanHigh[row] === high) return position;
    }
    return -1;
  };
}

function tableOf(rows: SpanRows, members: readonly number[]): (high: number, low: number) => number {
  const table = new Map<bigint, number>();
  for (let position = members.length - 1; position >= 0; position -= 1) {
    const row = members[position] ?? 0;
    table.set(keyOf(rows.spanHigh[row] ?? 0, rows.spanLow[row] ?? 0), position);
  }
  return (high, low) => table.get(keyOf(high, low)) ?? -1;
}

function keyOf(high: number, low: number): bigint {
  return (BigInt(high) << 32n) | BigInt(low);
}

function isOutside(rows: SpanRows, row: number, parent: number): boolean {
  if (rows.resource[row] !== rows.resource[parent]) return false;
  if (((rows.flags[row] ?? 0) & flag.isDetached) !== 0 || ((rows.flags[parent] ?? 0) & flag.isProducer) !== 0)
    return false;
  return (
    (rows.start[row] ?? 0) + tolerance < (rows.start[parent] ?? 0) ||
    (rows.end[row] ?? 0) > (rows.end[parent] ?? 0) + tolerance
  );
}

function hasRepeatedResponse(rows: SpanRows, members: readonly number[]): boolean {
  const seen = new Set<number>();
  for (const row of members) {
    if (((rows.flags[row] ?? 0) & flag.hasResponse) === 0) continue;
    const low = rows.responseLow[row] ?? 0;
    if (seen.has(low)) return true;
    seen.add(low);
  }
  return false;
}

/** What holds between runs and what is below them: stamps, roots, sums. */
function judgeRuns(rows: SpanRows, members: readonly number[], parents: Int32Array, isMixed: boolean): TraceVerdict {
  const turns: number[] = [];
  const [input, output] = [new Map<number, number>(), new Map<number, number>()];
  let isSuspect = false;
  let tops = 0;
  for (const [position, row] of members.entries()) {
    const flags = rows.flags[row] ?? 0;
    const isRun = (flags & flag.isRun) !== 0;
    const above = isRun
      ? climb(rows, members, parents, parents[position] ?? -1)
      : climb(rows, members, parents, position);
    if (above === ring) return { isSuspect: true, turns };
    if (isRun) {
      const parent = parents[position] ?? -1;
      const parentFlags = parent === -1 ? 0 : (rows.flags[members[parent] ?? 0] ?? 0);
      // A root right below another one, or below a model call: one run with two roots?
      if ((parentFlags & (flag.isRun | flag.isChat)) !== 0) isSuspect = true;
      if ((flags & flag.hasParent) === 0) tops += 1;
      if (above === -1 && (flags & flag.isTurn) !== 0) turns.push(row);
      else if ((flags & flag.hasLink) !== 0) isSuspect = true;
    }
    if (above === -1) continue;
    if (isMixed && !isSameSession(rows, row, members[above] ?? 0)) isSuspect = true;
    if ((flags & flag.isChat) !== 0) {
      add(input, above, (flags & flag.hasInput) === 0 ? Number.NaN : (rows.input[row] ?? 0));
      add(output, above, (flags & flag.hasOutput) === 0 ? Number.NaN : (rows.output[row] ?? 0));
    }
  }
  for (const [run, sum] of input) isSuspect ||= isOther(rows, members[run] ?? 0, flag.hasInput, rows.input, sum);
  for (const [run, sum] of output) isSuspect ||= isOther(rows, members[run] ?? 0, flag.hasOutput, rows.output, sum);
  return { isSuspect: isSuspect || tops > 1, turns };
}

const ring = -2;

/** The position of the nearest run, from a position upwards; -1: none, -2: parents form a ring. */
function climb(rows: SpanRows, members: readonly number[], parents: Int32Array, from: number): number {
  let at = from;
  for (let steps = 0; at !== -1; steps += 1) {
    if (((rows.flags[members[at] ?? 0] ?? 0) & flag.isRun) !== 0) return at;
    if (steps > members.length) return ring;
    at = parents[at] ?? -1;
  }
  return -1;
}

function isSameSession(rows: SpanRows, left: number, right: number): boolean {
  const stamps = (rows.flags[left] ?? 0) & (rows.flags[right] ?? 0) & flag.isStamped;
  return (
    stamps !== 0 &&
    rows.sessionHigh[left] === rows.sessionHigh[right] &&
    rows.sessionLow[left] === rows.sessionLow[right]
  );
}

function add(sums: Map<number, number>, run: number, value: number): void {
  sums.set(run, (sums.get(run) ?? 0) + value);
}

/** Whether a run says another total than the sum of its calls. A sum that is no number has a call that says nothing. */
function isOther(rows: SpanRows, run: number, bit: number, totals: Float64Array, sum: number): boolean {
  return ((rows.flags[run] ?? 0) & bit) !== 0 && !Number.isNaN(sum) && totals[run] !== sum;
}
