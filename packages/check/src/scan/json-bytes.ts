const quote = 0x22;
const backslash = 0x5c;
const openBrace = 0x7b;
const closeBrace = 0x7d;
const openBracket = 0x5b;
const closeBracket = 0x5d;
const comma = 0x2c;
const colon = 0x3a;
const dot = 0x2e;
/** Deeper than any request of OTLP; what is deeper is left to the parser. */
const deepest = 60;

/** 0: a byte inside a text that stands for itself; else one that ends the text or needs a look. */
const special = Uint8Array.from({ length: 256 }, (_, byte) =>
  byte < 0x20 || byte === quote || byte === backslash ? 1 : 0,
);
/** The value of a hexadecimal digit; 255: it is none. */
const digitValues = Uint8Array.from({ length: 256 }, (_, byte) => {
  const value = '0123456789abcdef'.indexOf(String.fromCharCode(byte).toLowerCase());
  return value === -1 ? 255 : value;
});

/** Bytes to compare with, four at a time. */
export interface Pattern {
  readonly words: readonly number[];
  readonly tail: readonly number[];
  readonly length: number;
}

/** A text of ASCII as a pattern. */
export function patternOf(text: string): Pattern {
  const bytes = Buffer.from(text, 'latin1');
  const whole = Math.floor(bytes.length / 4);
  const words = Array.from({ length: whole }, (_, at) => bytes.readInt32LE(at * 4));
  return { words, tail: [...bytes.subarray(whole * 4)], length: bytes.length };
}

/** Says that some bytes are left to the full parser: they are no JSON, or JSON of a kind that is not read here. */
export class NotUnderstood extends Error {
  override readonly name = 'NotUnderstood';
}

/**
 * Walks over JSON byte by byte, without making a value of anything that nobody asks for. It accepts nothing that
 * JSON.parse does not accept.
 */
export class JsonBytes {
  protected bytes: Uint8Array = new Uint8Array(0);
  protected at = 0;
  protected end = 0;
  /** The inside of the text that was read last. */
  protected textStart = 0;
  protected textEnd = 0;
  /** Whether that text has an escape in it, so that its bytes are not its characters. */
  protected isEscaped = false;
  readonly #notUnderstood = new NotUnderstood();
  #view: DataView = new DataView(new ArrayBuffer(0));

  protected open(bytes: Uint8Array, start: number, end: number): void {
    if (bytes !== this.bytes) this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.bytes = bytes;
    this.at = start;
    this.end = end;
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
    const [start, end] = [this.textStart, this.textEnd];
    this.expect(colon);
    this.textStart = start;
    this.textEnd = end;
  }

  protected text(): void {
    if (this.peek() !== quote) this.giveUp();
    const { bytes } = this;
    let at = this.at + 1;
    this.textStart = at;
    this.isEscaped = false;
    for (;;) {
      // Behind the line there is its end, which is no part of a text, or nothing.
      while (special[bytes[at] ?? 0] === 0) at += 1;
      const byte = bytes[at];
      if (byte === quote) break;
      if (byte !== backslash) this.giveUp();
      this.isEscaped = true;
      at = this.#escape(at + 1);
    }
    if (at >= this.end) this.giveUp();
    this.textEnd = at;
    this.at = at + 1;
  }

  /** Where a text without escapes that begins here ends; -1: it is another kind of text. */
  protected endOfPlainText(start: number): number {
    const { bytes } = this;
    let at = start;
    while (special[bytes[at] ?? 0] === 0) at += 1;
    return bytes[at] === quote && at < this.end ? at : -1;
  }

  /** Whether exactly this stands here. */
  protected isAhead(start: number, { words, tail, length }: Pattern): boolean {
    if (start + length > this.end) return false;
    let at = start;
    for (let word = 0; word < words.length; word += 1, at += 4) {
      if (this.#view.getInt32(at, true) !== words[word]) return false;
    }
    for (let byte = 0; byte < tail.length; byte += 1, at += 1) {
      if (this.bytes[at] !== tail[byte]) return false;
    }
    return true;
  }

  /** Whether what stands here, up to `end`, begins with one of these, each of which ends in a dot. */
  protected beginsWith(prefixes: readonly Pattern[], start: number, end: number): boolean {
    for (let at = 0; at < prefixes.length; at += 1) {
      const prefix = prefixes[at];
      if (prefix === undefined || start + prefix.length > end) continue;
      if (this.bytes[start + prefix.length - 1] === dot && this.isAhead(start, prefix)) return true;
    }
    return false;
  }

  /** Eight hexadecimal digits as a number. */
  protected hexadecimal(start: number): number {
    const { bytes } = this;
    let value = 0;
    let check = 0;
    for (let at = start; at < start + 8; at += 1) {
      const digit = digitValues[bytes[at] ?? 0] ?? 255;
      check |= digit;
      value = (value << 4) | (digit & 15);
    }
    if (check > 15) this.giveUp();
    return value >>> 0;
  }

  /** A whole number, at most 15 digits long, bare or as text. */
  protected integer(): number {
    const isText = this.peek() === quote;
    const { bytes } = this;
    let at = isText ? this.at + 1 : this.at;
    const first = at;
    let value = 0;
    for (let digit = (bytes[at] ?? 0) - 0x30; digit >= 0 && digit <= 9; digit = (bytes[at] ?? 0) - 0x30) {
      value = value * 10 + digit;
      at += 1;
    }
    const length = at - first;
    if (length === 0 || length > 15 || at >= this.end || (!isText && length > 1 && bytes[first] === 0x30))
      this.giveUp();
    if (isText && bytes[at] !== quote) this.giveUp();
    this.at = isText ? at + 1 : at;
    this.#expectEndOfValue();
    return value;
  }

  /** A time in nanoseconds as text of 16 to 19 digits, to the nearest 256. */
  protected time(): number {
    this.text();
    const { bytes } = this;
    const length = this.textEnd - this.textStart;
    if (length < 16 || length > 19) this.giveUp();
    let value = 0;
    for (let at = this.textStart; at < this.textEnd; at += 1) {
      const digit = (bytes[at] ?? 0) - 0x30;
      if (digit < 0 || digit > 9) this.giveUp();
      value = value * 10 + digit;
    }
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

  /** Passes what stands behind a backslash. */
  #escape(at: number): number {
    const byte = this.bytes[at] ?? 0;
    if (byte !== 0x75) {
      // " \ / b f n r t
      if (![0x22, 0x5c, 0x2f, 0x62, 0x66, 0x6e, 0x72, 0x74].includes(byte)) this.giveUp();
      return at + 1;
    }
    for (let digit = 1; digit <= 4; digit += 1) {
      const code = (this.bytes[at + digit] ?? 0) | 0x20;
      if (!((code >= 0x30 && code <= 0x39) || (code >= 0x61 && code <= 0x66)) || at + digit >= this.end) this.giveUp();
    }
    return at + 5;
  }
}
