import {
  ATTR_TURNKEEPER_ENGINE_SESSION_ID,
  ATTR_TURNKEEPER_SESSION_SOURCE,
  SESSION_SOURCE_GENERATED,
} from '@turnkeeper/instrumentation/semconv';
import { Blocks } from './blocks.ts';
import { hashText, hashTraceId } from './hash.ts';
import { HashTable } from './hash-table.ts';
import { sessionsOfMetrics } from './metric-sessions.ts';
import { OtlpScanner } from './otlp-scanner.ts';
import { ScanMemory } from './scan-memory.ts';
import type { ScreenPart } from './screen-part.ts';
import { flag, rowWidth, SpanRows, word } from './span-rows.ts';
import { TraceJudge } from './suspect-trace.ts';
import { traceColumn, TraceTable } from './trace-table.ts';
import { TurnLedger } from './turn-ledger.ts';
import { WordTable } from './word-table.ts';
import type { CapturedMetric } from '../signals.ts';
import { type CapturedSpan, sessionOf, textOf } from '../span.ts';
import { isTraceLike } from './trace-like-sessions.ts';

/** Looks for traces to close so many times while it waits for one. */
const looks = 8;
/** Where one screen goes on where another one ends, a trace is waited for that much less on either side. */
const haste = 4;

/** How a screen looks at spans. */
export interface ScreenOptions {
  /** A trace of which nothing came for so many spans is closed; whatever comes later is noticed. Default 100,000. */
  readonly patience?: number;
  /** Something comes before, which another screen looks at: traces that are here from the beginning stay open. */
  readonly isContinuation?: boolean;
}

/**
 * Finds the traces in which a rule may find something, while spans go by. Kept are the facts of the spans of open
 * traces, and a few numbers for each trace, session and turn; no text, and no span.
 */
export class Screen {
  /** What lines are read into: one for all files, so that what is known of shapes stays known. */
  readonly memory: ScanMemory = new ScanMemory();
  readonly traces: TraceTable = new TraceTable();
  readonly sessions: HashTable = new HashTable();
  readonly blocks: Blocks = new Blocks();
  readonly #rows = new SpanRows();
  readonly #scanner: OtlpScanner = new OtlpScanner(this.#rows);
  readonly #judge = new TraceJudge(this.#rows);
  readonly #engineSessions = new HashTable();
  readonly #turns = new TurnLedger();
  readonly #suspects = new Set<number>();
  /** Which sessions are in which traces, a pair each. */
  readonly #members = new WordTable(2);
  /** In which traces an engine's own id was kept aside, a pair each. */
  readonly #engines = new WordTable(2);
  /** The engines' own sessions for which a session was generated. */
  readonly #generated = new Set<number>();
  readonly #patience: number;
  readonly #isContinuation: boolean;
  #open: number[] = [];
  /** Open traces that may have begun before the first span. */
  #early: number[] = [];
  #sweptAt = 0;
  #seen = 0;

  constructor({ patience = 100_000, isContinuation = false }: ScreenOptions = {}) {
    this.#patience = patience;
    this.#isContinuation = isContinuation;
  }

  /** How many spans went by. */
  get seen(): number {
    return this.#seen;
  }

  /** Notes that lines follow which begin at this byte of a file. */
  block(file: number, offset: number, line: number): void {
    this.blocks.add({ file, offset, line, spans: this.#seen });
  }

  /** Takes a line of OTLP's JSON in the memory; false where it is of a kind that has to be parsed in full. */
  line(start: number, end: number): boolean {
    if (!this.#scanner.scan(this.memory, start, end)) return false;
    const { taken } = this.#scanner;
    for (let at = 0; at < taken.length; at += 1) this.#add(taken[at] ?? 0);
    if (this.#seen - this.#sweptAt > this.#patience / looks) this.#sweep(this.#patience);
    return true;
  }

  /** Takes a span that was parsed in full: its trace is judged in full as well. */
  span(span: CapturedSpan): void {
    const hash = { high: 0, low: 0 };
    hashTraceId(span.traceId, hash);
    const trace = this.traces.add(hash.high, hash.low, this.blocks.length - 1);
    this.#seen += 1;
    this.#suspects.add(trace);
    const engineSession = textOf(span.attributes, ATTR_TURNKEEPER_ENGINE_SESSION_ID);
    if (engineSession !== undefined) {
      hashText(engineSession, hash);
      const isGenerated = span.attributes[ATTR_TURNKEEPER_SESSION_SOURCE] === SESSION_SOURCE_GENERATED;
      this.#noteEngineSession(trace, hash.high, hash.low, isGenerated);
    }
    const session = sessionOf(span);
    if (session === undefined) return;
    hashText(session, hash);
    this.#members.addPair(trace, this.sessions.add(hash.high, hash.low));
    if (isTraceLike(session)) this.#scanner.traceLike.note(hash, session);
  }

  /** Closes everything, and names the traces that have to be judged: the suspect ones, with the rest of their conversations. */
  finish(metrics: readonly CapturedMetric[]): ReadonlySet<number> {
    this.#sweep(-1);
    for (const trace of this.#early.splice(0)) this.#close(trace);
    const sessions = new Set(this.#turns.suspects(this.traces.hashes));
    for (const [trace, session] of this.#scanner.traceLike.found(this.traces.hashes, this.sessions)) {
      this.#suspects.add(trace);
      if (session !== -1) sessions.add(session);
    }
    this.#addLeaks(sessions);
    for (const session of sessionsOfMetrics(metrics, this.sessions)) sessions.add(session);
    return this.complete(this.#suspects, sessions);
  }

  /** The traces, all traces of their sessions and of these ones, and of the conversations that links lead to. */
  complete(traces: ReadonlySet<number>, sessions: ReadonlySet<number> = new Set()): ReadonlySet<number> {
    const wholeTraces = new Set(traces);
    // Many are asked about, few are there.
    const isWholeTrace = new Uint8Array(this.traces.size);
    const isWholeSession = new Uint8Array(this.sessions.size);
    const isWholeEngineSession = new Uint8Array(this.#engineSessions.size);
    for (const trace of traces) isWholeTrace[trace] = 1;
    for (const session of sessions) isWholeSession[session] = 1;
    let isGrowing = traces.size + sessions.size > 0;
    const addTrace = (trace: number): void => {
      isWholeTrace[trace] = 1;
      wholeTraces.add(trace);
      isGrowing = true;
    };
    const grow = ({ words, end }: WordTable, isWhole: Uint8Array, isAsked?: ReadonlySet<number>): void => {
      for (let at = 0; at < end; at += 2) {
        const trace = words[at] ?? 0;
        const session = words[at + 1] ?? 0;
        if (isWholeTrace[trace] === isWhole[session] || isAsked?.has(session) === false) continue;
        if (isWhole[session] === 1) addTrace(trace);
        else {
          isWhole[session] = 1;
          isGrowing = true;
        }
      }
    };
    while (isGrowing) {
      isGrowing = false;
      grow(this.#members, isWholeSession);
      // Whether each turn of an engine's session has a generated one of its own only all of them can tell.
      if (this.#generated.size > 0) grow(this.#engines, isWholeEngineSession, this.#generated);
      this.#turns.follow(this.traces.hashes, isWholeTrace, addTrace);
    }
    return wholeTraces;
  }

  /** How many sessions are in all traces but these, which have to be complete. */
  countSessionsWithout(traces: ReadonlySet<number>): number {
    const { words, end } = this.#members;
    const sessions = new Set<number>();
    for (let at = 0; at < end; at += 2) if (!traces.has(words[at] ?? 0)) sessions.add(words[at + 1] ?? 0);
    return sessions.size;
  }

  /** Everything that a screen of the whole input has to know of this one, which is of no use any more. */
  toPart(): ScreenPart {
    this.#sweep(this.#patience / haste);
    const rows = this.#packRows();
    return {
      spans: this.#seen,
      rows,
      traces: this.traces.hashes.pairs,
      facts: this.traces.used,
      sessions: this.sessions.pairs,
      engineSessions: this.#engineSessions.pairs,
      members: this.#members.used,
      engines: this.#engines.used,
      generated: Uint32Array.from(this.#generated),
      turns: this.#turns.used,
      traceLike: this.#scanner.traceLike.used,
      processes: this.#scanner.processes.names,
      suspects: Uint32Array.from(this.#suspects),
      blocks: this.blocks.used,
    };
  }

  /** Takes what another screen saw, which came after all that this one knows, behind so many lines of the same file. */
  absorb(part: ScreenPart, lines: number): void {
    const blocks = this.blocks.length;
    this.blocks.absorb(part.blocks, lines, this.#seen);
    const processes = part.processes.map((name) => this.#scanner.processes.numberByName(name));
    const sessions = this.sessions.addAll(part.sessions);
    const engineSessions = this.#engineSessions.addAll(part.engineSessions);
    const { numbers: traces, returning } = this.traces.absorb(part, blocks);
    for (const trace of returning) this.#suspects.add(trace);
    for (const trace of part.suspects) this.#suspects.add(traces[trace] ?? 0);
    this.#turns.absorb(part.turns, traces, sessions, processes);
    for (let at = 0; at < part.members.length; at += 2)
      this.#members.addPair(traces[part.members[at] ?? 0] ?? 0, sessions[part.members[at + 1] ?? 0] ?? 0);
    for (let at = 0; at < part.engines.length; at += 2)
      this.#engines.addPair(traces[part.engines[at] ?? 0] ?? 0, engineSessions[part.engines[at + 1] ?? 0] ?? 0);
    for (const engineSession of part.generated) this.#generated.add(engineSessions[engineSession] ?? 0);
    this.#scanner.traceLike.absorb(part.traceLike);
    this.#absorbRows(part, traces, processes);
    this.#seen += part.spans;
  }

  /** The rows of open traces, without those that are free. */
  #packRows(): Uint32Array<ArrayBuffer> {
    const facts = this.traces.words;
    const packed = new WordTable(rowWidth);
    for (const trace of [...this.#open, ...this.#early]) {
      let head = 0;
      const at = trace * traceColumn.width + traceColumn.head;
      for (let next = facts[at] ?? 0; next !== 0; next = this.#rows.words[next - 1 + word.next] ?? 0) {
        const row = packed.add();
        packed.words.set(this.#rows.words.subarray(next - 1, next - 1 + rowWidth), row);
        packed.words[row + word.next] = head;
        head = row + 1;
      }
      facts[at] = head;
    }
    return packed.used.slice();
  }

  /** Takes the spans of traces that are still open there, and closes those that can get no more of them. */
  #absorbRows(part: ScreenPart, traces: Uint32Array, processes: readonly number[]): void {
    const growing = new Set<number>();
    const facts = part.facts;
    for (let from = 0, number = 0; from < facts.length; from += traceColumn.width, number += 1) {
      const trace = traces[number] ?? 0;
      const head = facts[from + traceColumn.head] ?? 0;
      if (head !== 0) growing.add(trace);
      for (let next = head; next !== 0; next = part.rows[next - 1 + word.next] ?? 0) {
        const row = this.#rows.take();
        const { words } = this.#rows;
        for (let at = 0; at < rowWidth; at += 1) words[row + at] = part.rows[next - 1 + at] ?? 0;
        words[row + word.resource] = processes[words[row + word.resource] ?? 0] ?? 0;
        this.#hang(trace, row);
      }
    }
    const still: number[] = [];
    for (const trace of this.#open) {
      if (growing.has(trace)) still.push(trace);
      else this.#close(trace);
    }
    this.#open = still;
  }

  #add(row: number): void {
    const { words } = this.#rows;
    const trace = this.traces.add(
      words[row + word.trace] ?? 0,
      words[row + word.trace + 1] ?? 0,
      this.blocks.length - 1,
    );
    this.#seen += 1;
    this.#hang(trace, row);
    this.traces.words[trace * traceColumn.width + traceColumn.lastSeen] = this.#seen;
  }

  #hang(trace: number, row: number): void {
    const facts = this.traces.words;
    const at = trace * traceColumn.width;
    const head = facts[at + traceColumn.head] ?? 0;
    if (head === 0) {
      // Something came after the trace was closed: only the whole of it can be judged.
      if ((facts[at + traceColumn.spans] ?? 0) > 0) this.#suspects.add(trace);
      if (this.#isContinuation && this.#seen <= this.#patience / haste) this.#early.push(trace);
      else this.#open.push(trace);
    }
    this.#rows.words[row + word.next] = head;
    facts[at + traceColumn.head] = row + 1;
  }

  /** Closes the traces of which nothing came for a while. */
  #sweep(idle: number): void {
    this.#sweptAt = this.#seen;
    const facts = this.traces.words;
    let still = 0;
    for (const trace of this.#open) {
      const lastSeen = facts[trace * traceColumn.width + traceColumn.lastSeen] ?? 0;
      if (this.#seen - lastSeen > idle) this.#close(trace);
      else {
        this.#open[still] = trace;
        still += 1;
      }
    }
    this.#open.length = still;
  }

  #close(trace: number): void {
    const { words } = this.#rows;
    const facts = this.traces.words;
    const at = trace * traceColumn.width;
    const members: number[] = [];
    for (let next = facts[at + traceColumn.head] ?? 0; next !== 0; next = words[next - 1 + word.next] ?? 0)
      members.push(next - 1);
    facts[at + traceColumn.head] = 0;
    const { isSuspect, turns } = this.#judge.judge(members);
    if (isSuspect) this.#suspects.add(trace);
    facts[at + traceColumn.spans] = (facts[at + traceColumn.spans] ?? 0) + members.length;
    facts[at + traceColumn.turns] = (facts[at + traceColumn.turns] ?? 0) + turns.length;
    // Without lists and iterators, here and elsewhere: where V8 does not see through them, they are made in vain.
    let lastHigh = -1;
    let lastLow = -1;
    for (let member = 0; member < members.length; member += 1) {
      const row = members[member] ?? 0;
      const flags = words[row + word.flags] ?? 0;
      if ((flags & flag.hasEngineSession) !== 0) {
        const engineHigh = words[row + word.engineSession] ?? 0;
        const engineLow = words[row + word.engineSession + 1] ?? 0;
        this.#noteEngineSession(trace, engineHigh, engineLow, (flags & flag.isGenerated) !== 0);
      }
      if ((flags & flag.isStamped) === 0) continue;
      const high = words[row + word.session] ?? 0;
      const low = words[row + word.session + 1] ?? 0;
      if (high === lastHigh && low === lastLow) continue;
      lastHigh = high;
      lastLow = low;
      this.#members.addPair(trace, this.sessions.add(high, low));
    }
    for (const row of turns) {
      if (((words[row + word.flags] ?? 0) & flag.isStamped) === 0) continue;
      const session = this.sessions.add(words[row + word.session] ?? 0, words[row + word.session + 1] ?? 0);
      this.#turns.add(this.#rows, row, trace, session);
    }
    for (let member = 0; member < members.length; member += 1) this.#rows.give(members[member] ?? 0);
  }

  #noteEngineSession(trace: number, high: number, low: number, isGenerated: boolean): void {
    const engineSession = this.#engineSessions.add(high, low);
    this.#engines.addPair(trace, engineSession);
    if (isGenerated) this.#generated.add(engineSession);
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
    const { words, end } = this.#engines;
    for (let at = 0; at < end; at += 2) if (leaks.has(words[at + 1] ?? 0)) this.#suspects.add(words[at] ?? 0);
  }
}
