import {
  ATTR_GEN_AI_CONVERSATION_ID,
  ATTR_GEN_AI_OPERATION_NAME,
  ATTR_GEN_AI_RESPONSE_ID,
  ATTR_SESSION_ID,
  ATTR_TURNKEEPER_ENGINE_NAME,
  ATTR_TURNKEEPER_ENGINE_SESSION_ID,
  ATTR_TURNKEEPER_LINK_KIND,
  ATTR_TURNKEEPER_SESSION_SOURCE,
} from '@turnkeeper/instrumentation/semconv';
import { readDecimal } from './digits.ts';
import { type Hash, hashBytes } from './hash.ts';
import { counted, numberOf } from './names.ts';
import { isSame } from './pattern.ts';
import { place, placeCount } from './places.ts';
import type { ScanMemory } from './scan-memory.ts';
import { SpanStructure } from './span-structure.ts';

/** The number of the kept attribute that is the session. */
export const session: number = numberOf(ATTR_SESSION_ID);
/** The conversation. */
export const conversation: number = numberOf(ATTR_GEN_AI_CONVERSATION_ID);
/** The engine: the span begins a run. */
export const engine: number = numberOf(ATTR_TURNKEEPER_ENGINE_NAME);
/** The engine's own session. */
export const engineSession: number = numberOf(ATTR_TURNKEEPER_ENGINE_SESSION_ID);
/** The response of a model. */
export const responseId: number = numberOf(ATTR_GEN_AI_RESPONSE_ID);
/** What a link means. */
export const linkKind: number = numberOf(ATTR_TURNKEEPER_LINK_KIND);
/** What the span is of. */
export const operationName: number = numberOf(ATTR_GEN_AI_OPERATION_NAME);
/** Where the session comes from. */
export const source: number = numberOf(ATTR_TURNKEEPER_SESSION_SOURCE);

const anyCount = ((1 << counted.length) - 1) << place.counted;
const longestCount = 15;
/** How many sessions are remembered as well-formed. */
const remembered = 1024;

/** Where in the bytes of a line the fields of one span are, and what is known of the span by how it is written. */
export class SpanFields {
  bytes: Uint8Array = new Uint8Array(0);
  view: DataView = new DataView(new ArrayBuffer(0));
  structure: SpanStructure = new SpanStructure();
  /** Where each field is that is there: see places.ts. */
  places: Int32Array = new Int32Array(placeCount * 2);
  /** The token counts; -1: absent. */
  readonly #counts: Float64Array<ArrayBuffer> = new Float64Array(counted.length);
  /** Where in the line the session is that was looked at last; -1: none. */
  #lastSession = -1;
  #lastSessionEnd = -1;
  /** The hash of the session, where there is one, and what its id is like. */
  readonly sessionHash: Hash = { high: 0, low: 0 };
  isTraceLike = false;
  isBadSession = false;
  /** Hashes of sessions that nothing is odd about, two words each: a session stands on many spans. */
  readonly #good = new Uint32Array(remembered * 2);

  /** Begins with a line. */
  open({ bytes, view }: ScanMemory): void {
    this.bytes = bytes;
    this.view = view;
    this.#lastSession = -1;
  }

  /** Takes a field that was not there yet; whether it was not. */
  take(number: number, start: number, end: number): boolean {
    if (this.isThere(number)) return false;
    this.set(number, start, end);
    return true;
  }

  /** Takes a field, also in place of another one. */
  set(number: number, start: number, end: number): void {
    this.structure.present |= 1 << number;
    this.places[number * 2] = start;
    this.places[number * 2 + 1] = end;
  }

  /** Takes the field of another place; where it is not there, it is not here either. */
  setFrom(number: number, other: SpanFields, from: number): void {
    this.remove(number);
    if (other.isThere(from)) this.set(number, other.startOf(from), other.endOf(from));
  }

  remove(number: number): void {
    this.structure.present &= ~(1 << number);
  }

  /** Whether a field is there, be it empty. */
  isThere(number: number): boolean {
    return (this.structure.present & (1 << number)) !== 0;
  }

  /** Whether a field is there and not empty. */
  has(number: number): boolean {
    return this.isThere(number) && this.endOf(number) > this.startOf(number);
  }

  /** Where a field that is there begins. */
  startOf(number: number): number {
    return this.places[number * 2] ?? 0;
  }

  endOf(number: number): number {
    return this.places[number * 2 + 1] ?? 0;
  }

  /** Whether two fields say the same, or are both missing. */
  isEqual(left: number, right: number): boolean {
    if (!this.isThere(left) || !this.isThere(right)) return this.isThere(left) === this.isThere(right);
    const start = this.startOf(left);
    const length = this.endOf(left) - start;
    const otherStart = this.startOf(right);
    return length === this.endOf(right) - otherStart && isSame(this.view, start, otherStart, length);
  }

  /** Reads the token counts; whether all of them are numbers. */
  readCounts(): boolean {
    if (!this.hasCounts()) return true;
    for (let at = 0; at < counted.length; at += 1) {
      let count = -1;
      if (this.isThere(place.counted + at)) {
        const start = this.startOf(place.counted + at);
        const end = this.endOf(place.counted + at);
        count = end - start > longestCount ? -1 : readDecimal(this.view, start, end);
        if (count === -1) return false;
      }
      this.#counts[at] = count;
    }
    return true;
  }

  hasCounts(): boolean {
    return (this.structure.present & anyCount) !== 0;
  }

  /** A token count that was read, by its place among the counted attributes; -1: absent. */
  count(at: number): number {
    return this.hasCounts() ? (this.#counts[at] ?? -1) : -1;
  }

  /** Hashes the session, which is there and not empty, and looks at the form of its id. */
  lookAtSession(): void {
    const { sessionHash } = this;
    const start = this.startOf(session);
    const end = this.endOf(session);
    const length = end - start;
    // Spans of a session often follow one another.
    const isLast = this.#lastSession !== -1 && this.#lastSessionEnd - this.#lastSession === length;
    if (isLast && isSame(this.view, start, this.#lastSession, length)) return;
    this.#lastSession = start;
    this.#lastSessionEnd = end;
    hashBytes(this.view, start, end, sessionHash);
    const { high, low } = sessionHash;
    const slot = (low & (remembered - 1)) * 2;
    this.isTraceLike = this.isBadSession = false;
    if (this.#good[slot] === high && this.#good[slot + 1] === low) return;
    this.isBadSession = this.isBadId(session);
    this.isTraceLike = this.isTraceLikeId(session);
    if (this.isBadSession || this.isTraceLike) return;
    this.#good[slot] = high;
    this.#good[slot + 1] = low;
  }

  /** Anything but 1 to 128 printable characters of ASCII, without space around them; or what may be the id of a span. */
  isBadId(field: number): boolean {
    if (!this.isThere(field)) return false;
    const start = this.startOf(field);
    const end = this.endOf(field);
    const { bytes } = this;
    if (end === start || end - start > 128 || bytes[start] === 0x20 || bytes[end - 1] === 0x20) return true;
    for (let at = start; at < end; at += 1) {
      const byte = bytes[at] ?? 0;
      if (byte < 0x20 || byte > 0x7e) return true;
    }
    return this.#countDigits(field) === 16;
  }

  /** Whether an id has the form of a trace's: 32 hexadecimal digits, with or without dashes. */
  isTraceLikeId(field: number): boolean {
    return this.isThere(field) && this.#countDigits(field) === 32;
  }

  /** How many hexadecimal digits an id is of; -1 where there is anything but these and dashes in it. */
  #countDigits(field: number): number {
    const { bytes } = this;
    const end = this.endOf(field);
    let digits = 0;
    for (let at = this.startOf(field); at < end; at += 1) {
      const byte = bytes[at] ?? 0;
      const letter = byte | 0x20;
      if ((byte >= 0x30 && byte <= 0x39) || (letter >= 0x61 && letter <= 0x66)) digits += 1;
      else if (byte !== 0x2d) return -1;
    }
    return digits;
  }
}
