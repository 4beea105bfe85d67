import { hashText, hashTraceId } from './hash.ts';
import { HashTable } from './hash-table.ts';
import { sessionsOfMetric } from './metric-sessions.ts';
import { NumberList } from './number-list.ts';
import { OtlpScanner } from './otlp-scanner.ts';
import { flag, SpanRows } from './span-rows.ts';
import { judgeTrace } from './suspect-trace.ts';
import { TurnLedger } from './turn-ledger.ts';
import type { CapturedMetric } from '../signals.ts';
import { type CapturedSpan, sessionOf } from '../span.ts';

/** Looks for traces to close so many times while it waits for one. */
const looks = 32;

/** How much is in the traces that are not suspected of anything. */
export interface CleanCounts {
  readonly spans: number;
  readonly turns: number;
}

/**
 * Finds the traces in which a rule may find something, while spans go by. Kept are the facts of the spans of open
 * traces, and a few numbers for each trace, session and turn; no text, and no span.
 */
export class Screen {
  readonly #rows = new SpanRows();
  readonly #scanner: OtlpScanner = new OtlpScanner(this.#rows);
  readonly traces: HashTable = new HashTable();
  readonly sessions: HashTable = new HashTable();
  readonly #engineSessions = new HashTable();
  readonly #turns = new TurnLedger();
  /** By trace: the first row, and when the last one came; both zero when the trace is closed. */
  readonly #heads = new NumberList();
  readonly #lastSeen = new NumberList();
  readonly #spanCounts = new NumberList();
  readonly #turnCounts = new NumberList();
  /** By trace: the lines of the input between which its spans are. */
  readonly #firstLines = new NumberList();
  readonly #lastLines = new NumberList();
  readonly #suspects = new Set<number>();
  /** Which sessions are in which traces: two numbers each. */
  readonly #memberTraces = new NumberList();
  readonly #memberSessions = new NumberList();
  /** Sessions in whose traces an engine's own id was kept aside. */
  readonly #engineTraces = new NumberList();
  readonly #engineIds = new NumberList();
  readonly #patience: number;
  #open: number[] = [];
  #seen = 0;
  #sweptAt = 0;

  /** A trace of which nothing came for `patience` spans is closed; whatever comes later is noticed. */
  constructor(patience = 100_000) {
    this.#patience = patience;
  }

  /** Takes a line of OTLP's JSON: how many spans it has; -1 where it is of a kind that has to be parsed in full. */
  line(bytes: Uint8Array, start: number, end: number, line: number): number {
    if (!this.#scanner.scan(bytes, start, end)) return -1;
    for (const row of this.#scanner.taken) this.#add(row, line);
    if (this.#seen - this.#sweptAt > this.#patience / looks) this.#sweep(this.#patience);
    return this.#scanner.taken.length;
  }

  /** Takes a span that was parsed in full: its trace is judged in full as well. */
  span(span: CapturedSpan, line: number): void {
    const hash = { high: 0, low: 0 };
    hashTraceId(span.traceId, hash);
    const trace = this.#traceOf(hash.high, hash.low, line);
    this.#suspects.add(trace);
    const session = sessionOf(span);
    if (session === undefined) return;
    hashText(session, hash);
    this.#join(trace, this.sessions.add(hash.high, hash.low));
  }

  /** Closes everything, and names the traces that have to be judged: the suspect ones, with the rest of their conversations. */
  finish(metrics: readonly CapturedMetric[]): ReadonlySet<number> {
    this.#sweep(-1);
    const sessions = new Set(this.#turns.suspects(this.traces));
    this.#addTraceLikeSessions(sessions);
    this.#addLeaks(sessions);
    for (const metric of metrics) for (const session of sessionsOfMetric(metric, this.sessions)) sessions.add(session);
    return this.complete(this.#suspects, sessions);
  }

  /** The traces, all traces of their sessions and of these ones, and of the conversations that links lead to. */
  complete(traces: ReadonlySet<number>, sessions: ReadonlySet<number> = new Set()): ReadonlySet<number> {
    const [wholeTraces, wholeSessions] = [new Set(traces), new Set(sessions)];
    for (let size = -1; size !== wholeTraces.size + wholeSessions.size;) {
      size = wholeTraces.size + wholeSessions.size;
      if (size === 0) break;
      for (let at = 0; at < this.#memberTraces.length; at += 1) {
        const [trace, session] = [this.#memberTraces.get(at), this.#memberSessions.get(at)];
        if (wholeSessions.has(session)) wholeTraces.add(trace);
        else if (wholeTraces.has(trace)) wholeSessions.add(session);
      }
      for (const [from, to] of this.#turns.links(this.traces)) if (wholeTraces.has(from)) wholeTraces.add(to);
    }
    return wholeTraces;
  }

  /** The lines of the input in which spans of some traces are: where to begin and where to end, by their beginning. */
  linesOf(traces: ReadonlySet<number>): readonly (readonly [first: number, last: number])[] {
    const lines = Array.from(traces, (trace) => [this.#firstLines.get(trace), this.#lastLines.get(trace)] as const);
    return lines.toSorted(([left], [right]) => left - right);
  }

  /** What is in all traces but these. */
  countWithout(traces: ReadonlySet<number>): CleanCounts {
    let [spans, turns] = [0, 0];
    for (let trace = 0; trace < this.traces.size; trace += 1) {
      if (traces.has(trace)) continue;
      spans += this.#spanCounts.get(trace);
      turns += this.#turnCounts.get(trace);
    }
    return { spans, turns };
  }

  #traceOf(high: number, low: number, line: number): number {
    const trace = this.traces.add(high, low);
    if (trace === this.#heads.length) {
      this.#heads.push(0);
      this.#lastSeen.push(0);
      this.#spanCounts.push(0);
      this.#turnCounts.push(0);
      this.#firstLines.push(line);
      this.#lastLines.push(line);
    }
    this.#lastLines.set(trace, line);
    return trace;
  }

  #add(row: number, line: number): void {
    const rows = this.#rows;
    const trace = this.#traceOf(rows.traceHigh[row] ?? 0, rows.traceLow[row] ?? 0, line);
    const head = this.#heads.get(trace);
    if (head === 0) {
      // Something came after the trace was closed: only the whole of it can be judged.
      if (this.#spanCounts.get(trace) > 0) this.#suspects.add(trace);
      this.#open.push(trace);
    }
    rows.next[row] = head - 1;
    this.#heads.set(trace, row + 1);
    this.#seen += 1;
    this.#lastSeen.set(trace, this.#seen);
  }

  /** Closes the traces of which nothing came for a while. */
  #sweep(idle: number): void {
    this.#sweptAt = this.#seen;
    const still: number[] = [];
    for (const trace of this.#open) {
      if (this.#seen - this.#lastSeen.get(trace) > idle) this.#close(trace);
      else still.push(trace);
    }
    this.#open = still;
  }

  #close(trace: number): void {
    const rows = this.#rows;
    const members: number[] = [];
    for (let row = this.#heads.get(trace) - 1; row !== -1; row = rows.next[row] ?? -1) members.push(row);
    this.#heads.set(trace, 0);
    const verdict = judgeTrace(rows, members);
    if (verdict.isSuspect) this.#suspects.add(trace);
    this.#spanCounts.set(trace, this.#spanCounts.get(trace) + members.length);
    let [lastHigh, lastLow] = [0, 0];
    for (const row of members) {
      const flags = rows.flags[row] ?? 0;
      if ((flags & flag.hasEngineSession) !== 0) this.#noteEngineSession(trace, row);
      if ((flags & flag.isStamped) === 0) continue;
      const [high, low] = [rows.sessionHigh[row] ?? 0, rows.sessionLow[row] ?? 0];
      if (high === lastHigh && low === lastLow) continue;
      [lastHigh, lastLow] = [high, low];
      this.#join(trace, this.sessions.add(high, low));
    }
    for (const row of verdict.turns) {
      this.#turnCounts.set(trace, this.#turnCounts.get(trace) + 1);
      if (((rows.flags[row] ?? 0) & flag.isStamped) === 0) continue;
      this.#turns.add(rows, row, trace, this.sessions.add(rows.sessionHigh[row] ?? 0, rows.sessionLow[row] ?? 0));
    }
    for (const row of members) rows.give(row);
  }

  #join(trace: number, session: number): void {
    this.#memberTraces.push(trace);
    this.#memberSessions.push(session);
  }

  #noteEngineSession(trace: number, row: number): void {
    const { engineSessionHigh, engineSessionLow } = this.#rows;
    this.#engineTraces.push(trace);
    this.#engineIds.push(this.#engineSessions.add(engineSessionHigh[row] ?? 0, engineSessionLow[row] ?? 0));
  }

  /** A session that goes by the id that an engine kept aside somewhere. */
  #addLeaks(sessions: Set<number>): void {
    const leaks = new Set<number>();
    for (const [id, high, low] of this.#engineSessions.entries()) {
      const session = this.sessions.find(high, low);
      if (session === -1) continue;
      sessions.add(session);
      leaks.add(id);
    }
    if (leaks.size === 0) return;
    for (let at = 0; at < this.#engineTraces.length; at += 1) {
      if (leaks.has(this.#engineIds.get(at))) this.#suspects.add(this.#engineTraces.get(at));
    }
  }

  /** A session that goes by the id of a trace. */
  #addTraceLikeSessions(sessions: Set<number>): void {
    const { traceLike, traceLikeHashes } = this.#scanner;
    for (const [at, high, low] of traceLike.entries()) {
      const trace = this.traces.find(traceLikeHashes[at * 2] ?? 0, traceLikeHashes[at * 2 + 1] ?? 0);
      if (trace === -1) continue;
      this.#suspects.add(trace);
      const session = this.sessions.find(high, low);
      if (session !== -1) sessions.add(session);
    }
  }
}
