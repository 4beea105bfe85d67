import { HashTable } from './hash-table.ts';
import { NumberList } from './number-list.ts';
import { flag, type SpanRows } from './span-rows.ts';

/** Starts nearer to one another than this may be in any order: times are kept to the nearest 256 ns. */
const blur = 2_048;

/** What stays of each turn once its trace is closed: enough to see whether turns follow one another. */
export class TurnLedger {
  readonly #traces = new NumberList();
  readonly #sessions = new NumberList();
  readonly #resources = new NumberList();
  readonly #spanHigh = new NumberList();
  readonly #spanLow = new NumberList();
  readonly #linkHigh = new NumberList();
  readonly #linkLow = new NumberList();
  readonly #linkSpanHigh = new NumberList();
  readonly #linkSpanLow = new NumberList();
  readonly #hasLink = new NumberList();
  #starts = new Float64Array(1024);

  get length(): number {
    return this.#traces.length;
  }

  add(rows: SpanRows, row: number, trace: number, session: number): void {
    const at = this.length;
    if (at === this.#starts.length) {
      const wider = new Float64Array(at * 2);
      wider.set(this.#starts);
      this.#starts = wider;
    }
    this.#starts[at] = rows.start[row] ?? 0;
    this.#traces.push(trace);
    this.#sessions.push(session);
    this.#resources.push(rows.resource[row] ?? 0);
    this.#spanHigh.push(rows.spanHigh[row] ?? 0);
    this.#spanLow.push(rows.spanLow[row] ?? 0);
    this.#linkHigh.push(rows.linkTraceHigh[row] ?? 0);
    this.#linkLow.push(rows.linkTraceLow[row] ?? 0);
    this.#linkSpanHigh.push(rows.linkSpanHigh[row] ?? 0);
    this.#linkSpanLow.push(rows.linkSpanLow[row] ?? 0);
    this.#hasLink.push(((rows.flags[row] ?? 0) & flag.hasLink) === 0 ? 0 : 1);
  }

  /** Each link: the trace it is in, and the one it leads to, if that is known. */
  *links(traces: HashTable): Iterable<readonly [from: number, to: number]> {
    for (let turn = 0; turn < this.length; turn += 1) {
      if (this.#hasLink.get(turn) === 0) continue;
      const to = traces.find(this.#linkHigh.get(turn), this.#linkLow.get(turn));
      if (to !== -1) yield [this.#traces.get(turn), to];
    }
  }

  /** Sessions whose turns do not follow one another, link by link: with what is unusual, rather too many than too few. */
  suspects(traces: HashTable): ReadonlySet<number> {
    const order = Uint32Array.from({ length: this.length }, (_, turn) => turn).toSorted(
      (left, right) =>
        this.#sessions.get(left) - this.#sessions.get(right) ||
        this.#resources.get(left) - this.#resources.get(right) ||
        (this.#starts[left] ?? 0) - (this.#starts[right] ?? 0),
    );
    const roots = new HashTable();
    const owners = new NumberList();
    for (let turn = 0; turn < this.length; turn += 1) {
      if (roots.add(this.#traces.get(turn) ^ this.#spanHigh.get(turn), this.#spanLow.get(turn)) === owners.length) {
        owners.push(this.#sessions.get(turn));
      }
    }
    const suspects = new Set<number>();
    for (const [at, turn] of order.entries()) {
      const before = at === 0 ? -1 : (order[at - 1] ?? -1);
      if (!this.#follows(turn, before, traces, roots, owners)) suspects.add(this.#sessions.get(turn));
    }
    return suspects;
  }

  #follows(turn: number, before: number, traces: HashTable, roots: HashTable, owners: NumberList): boolean {
    const target = traces.find(this.#linkHigh.get(turn), this.#linkLow.get(turn));
    const isFirst =
      before === -1 ||
      this.#sessions.get(before) !== this.#sessions.get(turn) ||
      this.#resources.get(before) !== this.#resources.get(turn);
    if (this.#hasLink.get(turn) === 1) {
      if (target === -1) return false;
      const isBefore =
        !isFirst &&
        target === this.#traces.get(before) &&
        this.#linkSpanHigh.get(turn) === this.#spanHigh.get(before) &&
        this.#linkSpanLow.get(turn) === this.#spanLow.get(before) &&
        (this.#starts[turn] ?? 0) - (this.#starts[before] ?? 0) > blur;
      if (isBefore) return true;
      const root = roots.find(target ^ this.#linkSpanHigh.get(turn), this.#linkSpanLow.get(turn));
      return isFirst && root !== -1 && owners.get(root) === this.#sessions.get(turn);
    }
    return isFirst || this.#traces.get(before) === this.#traces.get(turn);
  }
}
