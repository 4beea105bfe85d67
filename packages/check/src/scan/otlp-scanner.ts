import { combineTraceId, type Hash, hashBytes, hashTraceId } from './hash.ts';
import { HashTable } from './hash-table.ts';
import { JsonBytes, NotUnderstood } from './json-bytes.ts';
import { counted, kept } from './names.ts';
import {
  attributeNames,
  beforeInteger,
  beforeKey,
  beforeText,
  entryNames,
  hasIsRemote,
  isRemote,
  keyNames,
  prefixes,
  requestNames,
  required,
  resourceNames,
  scopeNames,
  spanNames,
  spanPatterns,
  valueNames,
  words,
} from './otlp-names.ts';
import { Processes } from './processes.ts';
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
import { flag, type SpanRows } from './span-rows.ts';

const quote = 0x22;
const closeBrace = 0x7d;

/**
 * Reads lines of OTLP's JSON into rows of facts, byte by byte. A span in which a rule may find something by itself
 * becomes flawed: such spans are read again in full, and judged by the rules.
 */
export class OtlpScanner extends JsonBytes {
  /** The rows of the line that was scanned last. */
  readonly taken: number[] = [];
  /** Sessions whose id has the form of a trace's. */
  readonly traceLike: HashTable = new HashTable();
  /** What their ids would be the hash of, as traces: two numbers each. */
  readonly traceLikeHashes: number[] = [];
  readonly #rows: SpanRows;
  readonly #fields = new SpanFields();
  /** Where attributes of the event or the link at hand are. */
  readonly #innerStarts = new Int32Array(kept.length);
  readonly #innerEnds = new Int32Array(kept.length);
  readonly #hash: Hash = { high: 0, low: 0 };
  readonly #processes = new Processes();
  /** By place in a span: the field that stood there last. */
  readonly #fieldAt: number[] = [];
  #flags = 0;
  #links = 0;

  constructor(rows: SpanRows) {
    super();
    this.#rows = rows;
  }

  /** Reads a line; false, and nothing taken, where it is left to the full parser. */
  scan(bytes: Uint8Array, start: number, end: number): boolean {
    this.open(bytes, start, end);
    this.#fields.bytes = bytes;
    this.taken.length = 0;
    try {
      this.#request();
      return true;
    } catch (error) {
      if (!(error instanceof NotUnderstood)) throw error;
      for (const row of this.taken.splice(0)) this.#rows.give(row);
      return false;
    }
  }

  #request(): void {
    let found = 0;
    for (let more = this.enterObject(); more; more = this.nextMember()) {
      this.name();
      if (requestNames.find(this.bytes, this.textStart, this.textEnd) === -1) this.giveUp();
      found += 1;
      for (let item = this.enterArray(); item; item = this.nextItem()) this.#resourceSpans();
    }
    if (found !== 1 || this.peek() !== 0 || this.at < this.end) this.giveUp();
  }

  #resourceSpans(): void {
    // The collector writes the resource first; where it comes later the parser takes over.
    let resource = -1;
    let scopes = 0;
    for (let more = this.enterObject(); more; more = this.nextMember()) {
      this.name();
      const field = resourceNames.find(this.bytes, this.textStart, this.textEnd);
      if (field === 0 && resource === -1) {
        this.peek();
        const start = this.at;
        this.skip();
        resource = this.#processes.numberOf(this.bytes, start, this.at);
      } else if (field === 1 && resource !== -1 && scopes === 0) {
        scopes += 1;
        for (let item = this.enterArray(); item; item = this.nextItem()) this.#scopeSpans(resource);
      } else if (field === -1) this.skip();
      else this.giveUp();
    }
  }

  #scopeSpans(resource: number): void {
    let found = 0;
    for (let more = this.enterObject(); more; more = this.nextMember()) {
      this.name();
      if (scopeNames.find(this.bytes, this.textStart, this.textEnd) === 0) {
        found += 1;
        if (found > 1) this.giveUp();
        for (let item = this.enterArray(); item; item = this.nextItem()) this.#span(resource);
      } else this.skip();
    }
  }

  #span(resource: number): void {
    const rows = this.#rows;
    const fields = this.#fields;
    const row = rows.take();
    this.taken.push(row);
    rows.resource[row] = resource;
    fields.clear();
    this.#flags = 0;
    this.#links = 0;
    let [seen, kind, status, spanFlags] = [0, 0, 0, 0];
    let place = 0;
    for (let more = this.enterObject(); more; more = this.nextMember()) {
      const field = this.#spanField(place);
      place += 1;
      if (field === -1) {
        this.skip();
        continue;
      }
      if ((seen & (1 << field)) !== 0) this.giveUp();
      seen |= 1 << field;
      if (field === 0) this.#traceId(rows.traceHigh, rows.traceLow, row);
      else if (field === 1) this.#spanId(rows.spanHigh, rows.spanLow, row);
      else if (field === 2) this.#parentId(row);
      else if (field === 3) spanFlags = this.integer();
      else if (field === 4) this.#name();
      else if (field === 5) kind = this.integer();
      else if (field === 6) rows.start[row] = this.time();
      else if (field === 7) rows.end[row] = this.time();
      else if (field === 8) this.#attributes(fields.starts, fields.ends, true);
      else if (field === 9) for (let item = this.enterArray(); item; item = this.nextItem()) this.#event();
      else if (field === 10) for (let item = this.enterArray(); item; item = this.nextItem()) this.#link(row);
      else status = this.#status();
    }
    if ((seen & required) !== required) this.giveUp();
    this.#finish(row, kind, status, spanFlags);
  }

  /** Reads the name of a span's field: most likely that which stood at this place in the span before. */
  #spanField(place: number): number {
    const likely = this.#fieldAt[place] ?? -1;
    const pattern = spanPatterns[likely];
    if (pattern !== undefined && this.isAhead(this.at, pattern)) {
      this.at += pattern.length;
      return likely;
    }
    this.name();
    const field = spanNames.find(this.bytes, this.textStart, this.textEnd);
    this.#fieldAt[place] = field;
    return field;
  }

  #name(): void {
    this.text();
    if (this.isEscaped) this.#flags |= flag.isFlawed;
    this.#fields.nameStart = this.textStart;
    this.#fields.nameEnd = this.textEnd;
  }

  #status(): number {
    let code = 0;
    for (let more = this.enterObject(); more; more = this.nextMember()) {
      this.name();
      if (entryNames.find(this.bytes, this.textStart, this.textEnd) === 4) code = this.integer();
      else this.skip();
    }
    return code;
  }

  #traceId(high: Uint32Array, low: Uint32Array, row: number): void {
    this.text();
    const start = this.textStart;
    if (this.textEnd - start !== 32) this.giveUp();
    const [first, second] = [this.hexadecimal(start), this.hexadecimal(start + 8)];
    const [third, fourth] = [this.hexadecimal(start + 16), this.hexadecimal(start + 24)];
    if ((first | second | third | fourth) === 0) this.giveUp();
    combineTraceId(first, second, third, fourth, this.#hash);
    high[row] = this.#hash.high;
    low[row] = this.#hash.low;
  }

  #spanId(high: Uint32Array, low: Uint32Array, row: number): void {
    this.text();
    if (this.textEnd - this.textStart !== 16) this.giveUp();
    const [first, second] = [this.hexadecimal(this.textStart), this.hexadecimal(this.textStart + 8)];
    if ((first | second) === 0) this.giveUp();
    high[row] = first;
    low[row] = second;
  }

  #parentId(row: number): void {
    this.peek();
    if (this.bytes[this.at + 1] === quote) {
      this.at += 2;
      return;
    }
    this.#spanId(this.#rows.parentHigh, this.#rows.parentLow, row);
    this.#flags |= flag.hasParent;
  }

  #event(): void {
    const fields = this.#fields;
    const [starts, ends] = [this.#innerStarts.fill(-1), this.#innerEnds];
    let isRunStart = false;
    for (let more = this.enterObject(); more; more = this.nextMember()) {
      this.name();
      const field = entryNames.find(this.bytes, this.textStart, this.textEnd);
      if (field === 3) {
        this.text();
        if (this.isEscaped) this.#flags |= flag.isFlawed;
        isRunStart = words.find(this.bytes, this.textStart, this.textEnd) === 0;
      } else if (field === 2) this.#attributes(starts, ends, false);
      else this.skip();
    }
    if (!isRunStart) return;
    fields.runStarts += 1;
    [fields.startSession, fields.startSessionEnd] = [starts[session] ?? -1, ends[session] ?? -1];
    [fields.startConversation, fields.startConversationEnd] = [starts[conversation] ?? -1, ends[conversation] ?? -1];
  }

  #link(row: number): void {
    const rows = this.#rows;
    const [starts, ends] = [this.#innerStarts.fill(-1), this.#innerEnds];
    let seen = 0;
    for (let more = this.enterObject(); more; more = this.nextMember()) {
      this.name();
      const field = entryNames.find(this.bytes, this.textStart, this.textEnd);
      if (field === 0) this.#traceId(rows.linkTraceHigh, rows.linkTraceLow, row);
      else if (field === 1) this.#spanId(rows.linkSpanHigh, rows.linkSpanLow, row);
      else if (field === 2) this.#attributes(starts, ends, false);
      else this.skip();
      if (field === 0 || field === 1) seen += 1;
    }
    this.#links += 1;
    // There is room for one link: where there are more, or one that is odd, the rules look for themselves.
    if (seen !== 2 || this.#links > 1) this.#flags |= flag.isFlawed;
    const start = starts[linkKind] ?? -1;
    if (start !== -1 && words.find(this.bytes, start, ends[linkKind] ?? 0) === 1) this.#flags |= flag.hasLink;
  }

  #attributes(starts: Int32Array, ends: Int32Array, isOfSpan: boolean): void {
    for (let item = this.enterArray(); item; item = this.nextItem()) this.#attribute(starts, ends, isOfSpan);
  }

  #attribute(starts: Int32Array, ends: Int32Array, isOfSpan: boolean): void {
    if (this.#plainAttribute(starts, ends, isOfSpan)) return;
    let field = -2;
    let isRead = false;
    for (let more = this.enterObject(); more; more = this.nextMember()) {
      this.name();
      const member = keyNames.find(this.bytes, this.textStart, this.textEnd);
      if (member === 0 && field === -2) {
        this.text();
        if (this.isEscaped) this.giveUp();
        field = attributeNames.find(this.bytes, this.textStart, this.textEnd);
        if (field === -1 && this.beginsWith(prefixes, this.textStart, this.textEnd)) this.#flags |= flag.isFlawed;
      } else if (member === 1 && field !== -2 && !isRead) {
        isRead = true;
        if (field === -1) this.skip();
        else this.#value(field, starts, ends, isOfSpan);
      } else this.giveUp();
    }
    if (!isRead) this.giveUp();
  }

  /** Nearly all attributes are one of two kinds: these are read in one go, if nothing is odd about them. */
  #plainAttribute(starts: Int32Array, ends: Int32Array, isOfSpan: boolean): boolean {
    if (!this.isAhead(this.at, beforeKey)) return false;
    const keyStart = this.at + beforeKey.length;
    const keyEnd = this.endOfPlainText(keyStart);
    if (keyEnd === -1) return false;
    const isText = this.isAhead(keyEnd + 1, beforeText);
    if (!isText && !this.isAhead(keyEnd + 1, beforeInteger)) return false;
    const start = keyEnd + 1 + (isText ? beforeText.length : beforeInteger.length);
    const end = this.endOfPlainText(start);
    const { bytes } = this;
    if (end === -1 || bytes[end + 1] !== closeBrace || bytes[end + 2] !== closeBrace) return false;
    const field = attributeNames.find(bytes, keyStart, keyEnd);
    if (field === -1) {
      if (this.beginsWith(prefixes, keyStart, keyEnd)) this.#flags |= flag.isFlawed;
    } else if (isText) {
      if (field >= kept.length || starts[field] !== -1) return false;
      starts[field] = start;
      ends[field] = end;
    } else if (!isOfSpan || !this.#fields.takeCount(field - kept.length, start, end)) return false;
    this.at = end + 3;
    return true;
  }

  #value(field: number, starts: Int32Array, ends: Int32Array, isOfSpan: boolean): void {
    if (field >= kept.length + counted.length || (!isOfSpan && field >= kept.length)) {
      this.#flags |= flag.isFlawed;
      this.skip();
      return;
    }
    if (!this.enterObject()) this.giveUp();
    this.name();
    const type = valueNames.find(this.bytes, this.textStart, this.textEnd);
    if (field >= kept.length) {
      const { counts } = this.#fields;
      const count = field - kept.length;
      if (type !== 1 || counts[count] !== -1) this.giveUp();
      counts[count] = this.integer();
    } else {
      if (type !== 0 || starts[field] !== -1) this.giveUp();
      this.text();
      if (this.isEscaped) this.giveUp();
      starts[field] = this.textStart;
      ends[field] = this.textEnd;
    }
    if (this.nextMember()) this.giveUp();
  }

  #finish(row: number, kind: number, status: number, spanFlags: number): void {
    const rows = this.#rows;
    const fields = this.#fields;
    const isRun = fields.has(engine);
    const operation = fields.operation();
    const isFarAway = (spanFlags & hasIsRemote) !== 0 ? (spanFlags & isRemote) !== 0 : undefined;
    let flags = this.#flags;
    if (isRun) flags |= flag.isRun;
    if (isRun && (operation === operations.invokeAgent || operation === operations.invokeWorkflow))
      flags |= flag.isTurn;
    if (operation === operations.chat) flags |= flag.isChat;
    if (isFarAway ?? (kind === 2 || kind === 5)) flags |= flag.isEntry;
    if (isFarAway === true || kind === 5) flags |= flag.isDetached;
    if (kind === 4) flags |= flag.isProducer;
    if (fields.has(session)) {
      flags |= flag.isStamped;
      this.#hashOf(session, rows.sessionHigh, rows.sessionLow, row);
      if (fields.isTraceLike()) this.#noteTraceLike();
    }
    if (fields.has(engineSession)) {
      flags |= flag.hasEngineSession;
      this.#hashOf(engineSession, rows.engineSessionHigh, rows.engineSessionLow, row);
    }
    if (operation === operations.chat && fields.has(responseId)) {
      flags |= flag.hasResponse;
      this.#hashOf(responseId, rows.responseHigh, rows.responseLow, row);
    }
    const [input = -1, output = -1] = fields.counts;
    if (input !== -1) flags |= flag.hasInput;
    if (output !== -1) flags |= flag.hasOutput;
    rows.input[row] = input;
    rows.output[row] = output;
    if ((flags & flag.isFlawed) === 0 && fields.isFlawed(isRun, operation, kind, status)) flags |= flag.isFlawed;
    rows.flags[row] = flags;
  }

  #hashOf(field: number, high: Uint32Array, low: Uint32Array, row: number): void {
    const { starts, ends } = this.#fields;
    hashBytes(this.bytes, starts[field] ?? 0, ends[field] ?? 0, this.#hash);
    high[row] = this.#hash.high;
    low[row] = this.#hash.low;
  }

  /** Remembers the session that was hashed last: its id may be that of a trace. */
  #noteTraceLike(): void {
    const { starts, ends } = this.#fields;
    const size = this.traceLike.size;
    if (this.traceLike.add(this.#hash.high, this.#hash.low) < size) return;
    hashTraceId(this.#textAt(starts[session] ?? 0, ends[session] ?? 0).replaceAll('-', ''), this.#hash);
    this.traceLikeHashes.push(this.#hash.high, this.#hash.low);
  }

  #textAt(start: number, end: number): string {
    return Buffer.from(this.bytes.buffer, this.bytes.byteOffset + start, end - start).toString('utf8');
  }
}
