import { type Hash, combineTraceId, hashBytes } from './hash.ts';
import { hasIsRemote, isRemote } from './otlp-names.ts';
import { readDecimal, readHexadecimal } from './digits.ts';
import { isSame } from './pattern.ts';
import { place, placeCount } from './places.ts';
import type { ScanMemory } from './scan-memory.ts';
import { SpanBytes } from './span-bytes.ts';
import { engine, engineSession, responseId, session } from './span-fields.ts';
import { isFlawed, operations } from './span-flaws.ts';
import { flag, number, type SpanRows, word } from './span-rows.ts';
import { TraceLikeSessions } from './trace-like-sessions.ts';

/**
 * Reads spans of OTLP's JSON into rows of facts. A span in which a rule may find something by itself becomes flawed: such
 * spans are read again in full, and judged by the rules.
 */
export class SpanReader extends SpanBytes {
  /** The rows of the line that was scanned last. */
  readonly taken: number[] = [];
  /** Sessions whose id has the form of a trace's. */
  readonly traceLike: TraceLikeSessions = new TraceLikeSessions();
  protected readonly rows: SpanRows;
  readonly #hash: Hash = { high: 0, low: 0 };
  /** Where in the line the trace's id is that was read last, and its hash; -1: none. */
  #lastTrace = -1;
  readonly #traceHash: Hash = { high: 0, low: 0 };

  constructor(rows: SpanRows) {
    super();
    this.rows = rows;
  }

  protected override open(memory: ScanMemory, start: number, end: number): void {
    super.open(memory, start, end);
    this.fields.open(memory);
    this.fields.places = memory.shapes.places;
    this.#lastTrace = -1;
    this.taken.length = 0;
  }

  /** Reads a span of a process into a row. */
  protected span(resource: number): void {
    const { fields, memory } = this;
    const row = this.rows.take();
    this.taken.push(row);
    const start = this.at;
    const known = memory?.findShape(start, this.end);
    if (known === undefined) this.readSpan();
    else {
      fields.structure = known;
      this.passTo(fields.places[placeCount * 2] ?? 0);
    }
    this.#fill(row, resource);
    if (known !== undefined || this.hasEscapes) return;
    const { at: end, decisive } = this;
    const { places, structure } = fields;
    memory?.shapes.learn(this.bytes, { start, end, places, structure, decisive });
  }

  /** Puts what the fields say into a row. */
  #fill(row: number, resource: number): void {
    const { fields } = this;
    const { words, numbers } = this.rows;
    const { operation, kind, spanFlags, links } = fields.structure;
    const isFarAway = (spanFlags & hasIsRemote) === 0 ? undefined : (spanFlags & isRemote) !== 0;
    const isRun = fields.has(engine);
    let { flags } = fields.structure;
    words[row + word.resource] = resource;
    this.#readTrace(row + word.trace);
    this.#readSpanId(place.span, row + word.span);
    if (fields.has(place.parent)) {
      flags |= flag.hasParent;
      this.#readSpanId(place.parent, row + word.parent);
    }
    numbers[row / 2 + number.start] = this.#readTime(place.start);
    numbers[row / 2 + number.end] = this.#readTime(place.end);
    if (isRun) flags |= flag.isRun;
    if (isRun && (operation === operations.invokeAgent || operation === operations.invokeWorkflow))
      flags |= flag.isTurn;
    if (operation === operations.chat) flags |= flag.isChat;
    if (isFarAway ?? (kind === 2 || kind === 5)) flags |= flag.isEntry;
    if (isFarAway === true || kind === 5) flags |= flag.isDetached;
    if (kind === 4) flags |= flag.isProducer;
    if (fields.has(session)) {
      flags |= flag.isStamped;
      this.#readSession(row + word.session);
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
    if (fields.hasCounts()) flags |= this.#readCounts(row);
    if (links > 0) this.#readLink(row);
    if ((flags & flag.isFlawed) === 0 && isFlawed(fields)) flags |= flag.isFlawed;
    words[row + word.flags] = flags;
  }

  /** Reads the trace's id into two words of the rows. */
  #readTrace(into: number): void {
    const { fields, view } = this;
    const { words } = this.rows;
    const start = fields.startOf(place.trace);
    if (fields.endOf(place.trace) - start !== 32) this.giveUp();
    // Spans of a trace often follow one another.
    if (this.#lastTrace === -1 || !isSame(view, this.#lastTrace, start, 32)) {
      this.#hashTrace(start, this.#traceHash);
      this.#lastTrace = start;
    }
    words[into] = this.#traceHash.high;
    words[into + 1] = this.#traceHash.low;
  }

  #hashTrace(start: number, into: Hash): void {
    const first = this.#readHexadecimal(start);
    const second = this.#readHexadecimal(start + 8);
    const third = this.#readHexadecimal(start + 16);
    const fourth = this.#readHexadecimal(start + 24);
    if ((first | second | third | fourth) === 0) this.giveUp();
    combineTraceId(first, second, third, fourth, into);
  }

  /** Reads the id of a span into two words of the rows. */
  #readSpanId(from: number, into: number): void {
    const { fields } = this;
    const { words } = this.rows;
    const start = fields.startOf(from);
    if (fields.endOf(from) - start !== 16) this.giveUp();
    const first = this.#readHexadecimal(start);
    const second = this.#readHexadecimal(start + 8);
    if ((first | second) === 0) this.giveUp();
    words[into] = first;
    words[into + 1] = second;
  }

  /** Eight hexadecimal digits as a number. */
  #readHexadecimal(start: number): number {
    const value = readHexadecimal(this.view, start);
    if (value === -1) this.giveUp();
    return value;
  }

  /** A time in nanoseconds as text of 16 to 19 digits, to the nearest 256. */
  #readTime(from: number): number {
    const start = this.fields.startOf(from);
    const end = this.fields.endOf(from);
    const value = readDecimal(this.view, start, end);
    if (value === -1 || end - start < 16 || end - start > 19) this.giveUp();
    return value;
  }

  /** Reads the session into two words of the rows. */
  #readSession(into: number): void {
    const { fields } = this;
    const { words } = this.rows;
    fields.lookAtSession();
    words[into] = fields.sessionHash.high;
    words[into + 1] = fields.sessionHash.low;
    if (!fields.isTraceLike) return;
    const start = fields.startOf(session);
    const text = Buffer.from(this.bytes.buffer, this.bytes.byteOffset + start, fields.endOf(session) - start);
    this.traceLike.note(fields.sessionHash, text.toString('utf8'));
  }

  /** Reads the counts of tokens; which of those that models are asked to give are there, as bits of `flag`. */
  #readCounts(row: number): number {
    const { fields } = this;
    const { numbers } = this.rows;
    if (!fields.readCounts()) this.giveUp();
    const input = fields.count(0);
    const output = fields.count(1);
    numbers[row / 2 + number.input] = input;
    numbers[row / 2 + number.output] = output;
    return (input === -1 ? 0 : flag.hasInput) | (output === -1 ? 0 : flag.hasOutput);
  }

  #readLink(row: number): void {
    const { fields } = this;
    const { words } = this.rows;
    this.#hash.high = this.#hash.low = 0;
    if (fields.isThere(place.linkTrace)) {
      const start = fields.startOf(place.linkTrace);
      if (fields.endOf(place.linkTrace) - start !== 32) this.giveUp();
      this.#hashTrace(start, this.#hash);
    }
    words[row + word.linkTrace] = this.#hash.high;
    words[row + word.linkTrace + 1] = this.#hash.low;
    if (fields.isThere(place.linkSpan)) this.#readSpanId(place.linkSpan, row + word.linkSpan);
  }

  #hashOf(field: number): void {
    const { fields } = this;
    hashBytes(this.view, fields.startOf(field), fields.endOf(field), this.#hash);
  }
}
