import type { ScanMemory } from './scan-memory.ts';

const quote = 0x22;
const backslash = 0x5c;
const openBrace = 0x7b;
const closeBrace = 0x7d;
const openBracket = 0x5b;
const closeBracket = 0x5d;
const comma = 0x2c;
const colon = 0x3a;
/** Deeper than any request of OTLP; what is deeper is left to the parser. */
const deepest = 60;

/** Says that some bytes are left to the full parser: they are no JSON, or JSON of a kind that is not read here. */
export class NotUnderstood extends Error {
  override readonly name = 'NotUnderstood';
}

/**
 * Walks over JSON from one special byte to the next, without making a value of anything that nobody asks for. It
 * accepts nothing that JSON.parse does not accept.
 */
export class JsonBytes {
  protected memory: ScanMemory | undefined;
  protected bytes: Buffer = Buffer.alloc(0);
  /** The same bytes. */
  protected view: DataView = new DataView(new ArrayBuffer(0));
  protected at = 0;
  protected end = 0;
  /** Where the special bytes are: see ScanMemory. */
  protected marks: Int32Array = new Int32Array(0);
  /** The first of the marks that is not behind us. */
  protected mark = 0;
  /** The inside of the text that was read last. */
  protected textStart = 0;
  protected textEnd = 0;
  /** Whether that text has an escape in it, so that its bytes are not its characters. */
  protected isEscaped = false;
  #isMarked = false;
  readonly #notUnderstood = new NotUnderstood();

  protected open(memory: ScanMemory, start: number, end: number): void {
    ({ bytes: this.bytes, view: this.view, marks: this.marks } = memory);
    this.memory = memory;
    this.at = start;
    this.end = end;
    this.#isMarked = false;
  }

  /** Passes bytes that need no look. */
  protected passTo(at: number): void {
    this.at = at;
    if (!this.#isMarked) return;
    const { marks } = this;
    while ((marks[this.mark] ?? at) < at) this.mark += 1;
  }

  /** Marks the rest of the line: what has a known shape needs no marks. */
  #markRest(): void {
    this.memory?.mark(this.at, this.end);
    this.#isMarked = true;
    this.mark = 0;
  }

  protected giveUp(): never {
    throw this.#notUnderstood;
  }

  /** The next byte that is no white space, without passing it. */
  protected peek(): number {
    let { at } = this;
    const { bytes, end } = this;
    let byte = at < end ? (bytes[at] ?? 0) : 0;
    while (byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09) {
      if (byte !== 0x20) this.mark += 1;
      at += 1;
      byte = at < end ? (bytes[at] ?? 0) : 0;
    }
    this.at = at;
    return byte;
  }

  protected expect(byte: number): void {
    if (this.peek() !== byte) this.giveUp();
    this.at += 1;
  }

  /** Passes what opens an object; whether there is a member in it. */
  protected enterObject(): boolean {
    this.expect(openBrace);
    if (this.peek() !== closeBrace) return true;
    this.at += 1;
    return false;
  }

  /** Passes what stands between members, or what ends the object; whether there is another member. */
  protected nextMember(): boolean {
    if (this.bytes[this.at] === comma && this.at < this.end) {
      this.at += 1;
      return true;
    }
    const byte = this.peek();
    this.at += 1;
    if (byte === comma) return true;
    if (byte !== closeBrace) this.giveUp();
    return false;
  }

  protected enterArray(): boolean {
    this.expect(openBracket);
    if (this.peek() !== closeBracket) return true;
    this.at += 1;
    return false;
  }

  protected nextItem(): boolean {
    if (this.bytes[this.at] === comma && this.at < this.end) {
      this.at += 1;
      return true;
    }
    const byte = this.peek();
    this.at += 1;
    if (byte === comma) return true;
    if (byte !== closeBracket) this.giveUp();
    return false;
  }

  /** Reads a member's name, which must have no escape, and the colon behind it. */
  protected name(): void {
    this.text();
    if (this.isEscaped) this.giveUp();
    const start = this.textStart;
    const end = this.textEnd;
    this.expect(colon);
    this.textStart = start;
    this.textEnd = end;
  }

  protected text(): void {
    const { bytes, marks } = this;
    if (bytes[this.at] !== quote && this.peek() !== quote) this.giveUp();
    if (!this.#isMarked) this.#markRest();
    let mark = this.mark + 1;
    let at = marks[mark] ?? 0;
    this.isEscaped = false;
    // Nearly always the next mark is the end.
    if (bytes[at] === quote && at < this.end) {
      this.textStart = this.at + 1;
      this.textEnd = at;
      this.at = at + 1;
      this.mark = mark + 1;
      return;
    }
    for (; at < this.end && bytes[at] === backslash; at = marks[mark] ?? 0) {
      this.isEscaped = true;
      this.#escape(at + 1);
      mark += 1;
      // What is escaped may be special by itself.
      if (marks[mark] === at + 1) mark += 1;
    }
    if (at >= this.end || bytes[at] !== quote) this.giveUp();
    this.textStart = this.at + 1;
    this.textEnd = at;
    this.at = at + 1;
    this.mark = mark + 1;
  }

  /** A whole number, at most 15 digits long. */
  protected integer(): number {
    this.peek();
    const { bytes } = this;
    const first = this.at;
    let at = first;
    let value = 0;
    for (let digit = (bytes[at] ?? 0) - 0x30; digit >= 0 && digit <= 9; digit = (bytes[at] ?? 0) - 0x30) {
      value = value * 10 + digit;
      at += 1;
    }
    const length = at - first;
    if (length === 0 || length > 15 || at >= this.end || (length > 1 && bytes[first] === 0x30)) this.giveUp();
    this.textStart = first;
    this.textEnd = at;
    this.at = at;
    this.#expectEndOfValue();
    return value;
  }

  /** Passes any value. */
  protected skip(depth = 0): void {
    if (depth > deepest) this.giveUp();
    const byte = this.peek();
    if (byte === quote) this.text();
    else if (byte === openBrace) {
      for (let more = this.enterObject(); more; more = this.nextMember()) {
        this.text();
        this.expect(colon);
        this.skip(depth + 1);
      }
    } else if (byte === openBracket) {
      for (let more = this.enterArray(); more; more = this.nextItem()) this.skip(depth + 1);
    } else this.#skipWord();
  }

  /** A number, true, false or null: short enough to let the parser judge it. */
  #skipWord(): void {
    const { bytes, end } = this;
    const start = this.at;
    let { at } = this;
    let isWhole = true;
    for (; at < end; at += 1) {
      const byte = bytes[at] ?? 0;
      if (byte === comma || byte === closeBrace || byte === closeBracket || byte <= 0x20) break;
      if (byte < 0x30 || byte > 0x39) isWhole = false;
    }
    if (at === start) this.giveUp();
    this.at = at;
    if (isWhole && (at - start === 1 || bytes[start] !== 0x30)) return;
    const word = Buffer.from(bytes.buffer, bytes.byteOffset + start, at - start).toString('latin1');
    if (!/^(?:true|false|null|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?)$/u.test(word)) this.giveUp();
  }

  #expectEndOfValue(): void {
    const byte = this.peek();
    if (byte !== comma && byte !== closeBrace && byte !== closeBracket) this.giveUp();
  }

  /** Looks at what stands behind a backslash. */
  #escape(at: number): void {
    const byte = at < this.end ? (this.bytes[at] ?? 0) : 0;
    if (byte !== 0x75) {
      // " \ / b f n r t
      if (![0x22, 0x5c, 0x2f, 0x62, 0x66, 0x6e, 0x72, 0x74].includes(byte)) this.giveUp();
      return;
    }
    for (let digit = 1; digit <= 4; digit += 1) {
      const code = (this.bytes[at + digit] ?? 0) | 0x20;
      if (!((code >= 0x30 && code <= 0x39) || (code >= 0x61 && code <= 0x66)) || at + digit >= this.end) this.giveUp();
    }
  }
}
