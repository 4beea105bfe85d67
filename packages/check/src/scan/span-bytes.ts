import { AttributeBytes } from './attribute-bytes.ts';
import { combineTraceId, type Hash, hashBytes } from './hash.ts';
import {
  entryNames,
  hasIsRemote,
  isRemote,
  required,
  spanNames,
  spanPatterns,
  spanPatternWidth,
  words as values,
} from './otlp-names.ts';
import { isSame } from './pattern.ts';
import type { ScanMemory } from './scan-memory.ts';
import {
  conversation,
  engine,
  engineSession,
  linkKind,
  operations,
  responseId,
  session,
  SpanFields,
} from './span-fields.ts';
import { flag, number, type SpanRows, word } from './span-rows.ts';
import { TraceLikeSessions } from './trace-like-sessions.ts';

const quote = 0x22;

/**
 * Reads spans of OTLP's JSON into rows of facts. A span in which a rule may find something by itself becomes flawed: such
 * spans are read again in full, and judged by the rules.
 */
export class SpanBytes extends AttributeBytes {
  /** The rows of the line that was scanned last. */
  readonly taken: number[] = [];
  /** Sessions whose id has the form of a trace's. */
  readonly traceLike: TraceLikeSessions = new TraceLikeSessions();
  protected readonly rows: SpanRows;
  readonly #fields = new SpanFields();
  /** Where attributes of the event or the link at hand are. */
  readonly #inner = new SpanFields();
  readonly #hash: Hash = { high: 0, low: 0 };
  /** Where in the line the trace's id is that was read last, and its hash; -1: none. */
  #lastTrace = -1;
  readonly #traceHash: Hash = { high: 0, low: 0 };
  /** By place in a span: the field that stood there last. */
  readonly #fieldAt = new Int8Array(32).fill(-1);
  #links = 0;

  constructor(rows: SpanRows) {
    super();
    this.rows = rows;
  }

  protected override open(memory: ScanMemory, start: number, end: number): void {
    super.open(memory, start, end);
    this.#fields.open(memory);
    this.#inner.open(memory);
    this.#lastTrace = -1;
    this.taken.length = 0;
  }

  /** Reads a span of a process into a row. */
  protected span(resource: number): void {
    const rows = this.rows;
    const fields = this.#fields;
    const row = rows.take();
    this.taken.push(row);
    fields.clear();
    this.flags = 0;
    this.#links = 0;
    let seen = 0;
    let kind = 0;
    let status = 0;
    let spanFlags = 0;
    let place = 0;
    for (let more = this.enterObject(); more; more = this.nextMember()) {
      const field = this.#spanField(place);
      place += 1;
      if (field === -1) {
        this.skip();
        continue;
      }
      seen = this.#once(seen, field);
      if (field === 0) this.#traceId(row + word.trace);
      else if (field === 1) this.#spanId(row + word.span);
      else if (field === 2) this.#parentId(row);
      else if (field === 3) spanFlags = this.integer();
      else if (field === 4) this.#name();
      else if (field === 5) kind = this.integer();
      else if (field === 6) rows.numbers[row / 2 + number.start] = this.time();
      else if (field === 7) rows.numbers[row / 2 + number.end] = this.time();
      else if (field === 8) this.attributes(fields, true);
      else if (field === 9) for (let item = this.enterArray(); item; item = this.nextItem()) this.#event();
      else if (field === 10) for (let item = this.enterArray(); item; item = this.nextItem()) this.#link(row);
      else status = this.#status();
    }
    if ((seen & required) !== required) this.giveUp();
    rows.words[row + word.resource] = resource;
    this.#finish(row, kind, status, spanFlags);
  }

  /** Notes a member that may be there once; of two, only the parser knows which counts. */
  #once(seen: number, field: number): number {
    if (field === -1) return seen;
    if ((seen & (1 << field)) !== 0) this.giveUp();
    return seen | (1 << field);
  }

  /** Reads the name of a span's field: most likely that which stood at this place in the span before. */
  #spanField(place: number): number {
    const likely = this.#fieldAt[place] ?? -1;
    if (likely !== -1 && this.#isFieldAhead(likely * spanPatternWidth)) {
      this.at += spanPatterns[likely * spanPatternWidth] ?? 0;
      this.mark += 2;
      return likely;
    }
    this.name();
    const field = spanNames.find(this.bytes, this.textStart, this.textEnd);
    // Of no use, and of no harm, beyond the last place.
    this.#fieldAt[place] = field;
    return field;
  }

  #isFieldAhead(pattern: number): boolean {
    const { at, end, view } = this;
    return (
      at + (spanPatterns[pattern] ?? 0) <= end &&
      view.getFloat64(at + (spanPatterns[pattern + 1] ?? 0), true) === spanPatterns[pattern + 2] &&
      view.getFloat64(at + (spanPatterns[pattern + 3] ?? 0), true) === spanPatterns[pattern + 4] &&
      view.getFloat64(at + (spanPatterns[pattern + 5] ?? 0), true) === spanPatterns[pattern + 6]
    );
  }

  #name(): void {
    this.text();
    if (this.isEscaped) this.flags |= flag.isFlawed;
    this.#fields.nameStart = this.textStart;
    this.#fields.nameEnd = this.textEnd;
  }

  #status(): number {
    if (this.passEmptyObject()) return 0;
    let code = 0;
    let seen = 0;
    for (let more = this.enterObject(); more; more = this.nextMember()) {
      this.name();
      const field = entryNames.find(this.bytes, this.textStart, this.textEnd);
      seen = this.#once(seen, field);
      if (field === 4) code = this.integer();
      else this.skip();
    }
    return code;
  }

  /** Reads a trace's id into two words of the rows. */
  #traceId(into: number): void {
    this.text();
    const start = this.textStart;
    if (this.textEnd - start !== 32) this.giveUp();
    const { words: row } = this.rows;
    // Spans of a trace often follow one another.
    if (this.#lastTrace === -1 || !isSame(this.view, this.#lastTrace, start, 32)) {
      const first = this.hexadecimal(start);
      const second = this.hexadecimal(start + 8);
      const third = this.hexadecimal(start + 16);
      const fourth = this.hexadecimal(start + 24);
      if ((first | second | third | fourth) === 0) this.giveUp();
      combineTraceId(first, second, third, fourth, this.#traceHash);
      this.#lastTrace = start;
    }
    row[into] = this.#traceHash.high;
    row[into + 1] = this.#traceHash.low;
  }

  /** Reads a span's id into two words of the rows. */
  #spanId(into: number): void {
    this.text();
    if (this.textEnd - this.textStart !== 16) this.giveUp();
    const first = this.hexadecimal(this.textStart);
    const second = this.hexadecimal(this.textStart + 8);
    if ((first | second) === 0) this.giveUp();
    const { words: row } = this.rows;
    row[into] = first;
    row[into + 1] = second;
  }

  #parentId(row: number): void {
    if (this.peek() === quote && this.bytes[this.at + 1] === quote) {
      this.at += 2;
      this.mark += 2;
      return;
    }
    this.#spanId(row + word.parent);
    this.flags |= flag.hasParent;
  }

  #event(): void {
    const fields = this.#fields;
    const inner = this.#inner;
    inner.clear();
    let [isRunStart, seen] = [false, 0];
    for (let more = this.enterObject(); more; more = this.nextMember()) {
      this.name();
      const field = entryNames.find(this.bytes, this.textStart, this.textEnd);
      seen = this.#once(seen, field);
      if (field === 3) {
        this.text();
        if (this.isEscaped) this.flags |= flag.isFlawed;
        isRunStart = values.find(this.bytes, this.textStart, this.textEnd) === 0;
      } else if (field === 2) this.attributes(inner, false);
      else this.skip();
    }
    if (!isRunStart) return;
    fields.runStarts += 1;
    [fields.startSession, fields.startSessionEnd] = [inner.startOf(session), inner.ends[session] ?? -1];
    [fields.startConversation, fields.startConversationEnd] = [
      inner.startOf(conversation),
      inner.ends[conversation] ?? -1,
    ];
  }

  #link(row: number): void {
    const inner = this.#inner;
    inner.clear();
    let seen = 0;
    for (let more = this.enterObject(); more; more = this.nextMember()) {
      this.name();
      const field = entryNames.find(this.bytes, this.textStart, this.textEnd);
      seen = this.#once(seen, field);
      if (field === 0) this.#traceId(row + word.linkTrace);
      else if (field === 1) this.#spanId(row + word.linkSpan);
      else if (field === 2) this.attributes(inner, false);
      else this.skip();
    }
    this.#links += 1;
    // There is room for one link: where there are more, or one that is odd, the rules look for themselves.
    if ((seen & 3) !== 3 || this.#links > 1) this.flags |= flag.isFlawed;
    const start = inner.startOf(linkKind);
    if (start !== -1 && values.find(this.bytes, start, inner.ends[linkKind] ?? 0) === 1) this.flags |= flag.hasLink;
  }

  #finish(row: number, kind: number, status: number, spanFlags: number): void {
    const { words, numbers } = this.rows;
    const fields = this.#fields;
    const isRun = fields.has(engine);
    const operation = fields.operation();
    const isFarAway = (spanFlags & hasIsRemote) !== 0 ? (spanFlags & isRemote) !== 0 : undefined;
    let flags = this.flags;
    if (isRun) flags |= flag.isRun;
    if (isRun && (operation === operations.invokeAgent || operation === operations.invokeWorkflow))
      flags |= flag.isTurn;
    if (operation === operations.chat) flags |= flag.isChat;
    if (isFarAway ?? (kind === 2 || kind === 5)) flags |= flag.isEntry;
    if (isFarAway === true || kind === 5) flags |= flag.isDetached;
    if (kind === 4) flags |= flag.isProducer;
    if (fields.has(session)) {
      flags |= flag.isStamped;
      fields.lookAtSession();
      words[row + word.session] = fields.sessionHash.high;
      words[row + word.session + 1] = fields.sessionHash.low;
      if (fields.isTraceLike)
        this.traceLike.note(fields.sessionHash, this.#textAt(fields.starts[session] ?? 0, fields.ends[session] ?? 0));
    }
    if (fields.has(engineSession)) {
      flags |= flag.hasEngineSession;
      this.#hashOf(engineSession);
      words[row + word.engineSession] = this.#hash.high;
      words[row + word.engineSession + 1] = this.#hash.low;
    }
    if (operation === operations.chat && fields.has(responseId)) {
      flags |= flag.hasResponse;
      this.#hashOf(responseId);
      words[row + word.response] = this.#hash.low;
    }
    const input = fields.count(0);
    const output = fields.count(1);
    if (input !== -1) flags |= flag.hasInput;
    if (output !== -1) flags |= flag.hasOutput;
    numbers[row / 2 + number.input] = input;
    numbers[row / 2 + number.output] = output;
    if ((flags & flag.isFlawed) === 0 && fields.isFlawed(isRun, operation, kind, status)) flags |= flag.isFlawed;
    words[row + word.flags] = flags;
  }

  #hashOf(field: number): void {
    const { starts, ends } = this.#fields;
    hashBytes(this.view, starts[field] ?? 0, ends[field] ?? 0, this.#hash);
  }

  #textAt(start: number, end: number): string {
    return Buffer.from(this.bytes.buffer, this.bytes.byteOffset + start, end - start).toString('utf8');
  }
}
