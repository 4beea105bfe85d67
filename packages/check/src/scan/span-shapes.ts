import { placeCount } from './places.ts';
import type { SpanStructure } from './span-structure.ts';

const [quote, backslash, comma, closeBrace, closeBracket] = [0x22, 0x5c, 0x2c, 0x7d, 0x5d];
const numberSigns = Buffer.from('-+.eE');
/** How large the tree may grow, in bytes; how many nodes may be tried at one place; how often a span is learned from. */
const [treeSize, mostAlternatives, mostLessons] = [1 << 20, 32, 4_000];
/** Where in a node the words are: see span-shapes.wat, which reads them. */
const word = { next: 0, length: 1, tail: 2, place: 3, kind: 4, below: 5, bytes: 8 } as const;
/** What is in a gap, or that the span ends. */
const gap = { text: 0, escapedText: 1, integer: 2, digits: 3, end: 4 } as const;

interface Gap {
  readonly start: number;
  readonly end: number;
  /** The number of what stands here; undefined: nobody asks. */
  readonly place: number | undefined;
  readonly kind: number;
}

/** A span that was read, and where in the memory it is. */
export interface ReadSpan {
  readonly start: number;
  readonly end: number;
  /** Where its texts are: see places.ts. */
  readonly places: Int32Array;
  /** Where texts and numbers begin that decided how it was read: in a span of the same shape they are the same. */
  readonly decisive: readonly number[];
  readonly structure: SpanStructure;
}

/**
 * Remembers how spans are written. An exporter writes thousands of spans of one kind alike, up to the values in them: what
 * was found out about one of them holds for each that differs in nothing but texts, and numbers, that decided nothing.
 */
export class SpanShapes {
  /** Bytes for the tree. */
  static readonly treeSize: number = treeSize;
  /** Bytes, for the tree and for the places that `match` notes, one behind the other. */
  static readonly size: number = treeSize + (placeCount + 1) * 8;
  /** Where what is looked at is in the span that was found last; behind that, where the span ends. */
  places: Int32Array = new Int32Array(0);
  #tree: Int32Array = new Int32Array(0);
  #bytes: Uint8Array = new Uint8Array(0);
  /** Bytes of the tree that are in use. */
  #used = 16;
  #lessons = 0;
  readonly #structures: SpanStructure[] = [];

  /** Moves to another piece of memory. */
  move(buffer: ArrayBuffer, at: number): void {
    const old = this.#bytes;
    this.#bytes = new Uint8Array(buffer, at, treeSize);
    this.#bytes.set(old);
    this.#tree = new Int32Array(buffer, at, treeSize / 4);
    this.places = new Int32Array(buffer, at + treeSize, (placeCount + 1) * 2);
  }

  /** The structure of a shape by its number; undefined: there is none. */
  get(shape: number): SpanStructure | undefined {
    return shape === -1 ? undefined : this.#structures[shape];
  }

  /** Learns the shape of a span, unless there is no room, or too much was learned in vain. */
  learn(bytes: Uint8Array, span: ReadSpan): void {
    if (this.#lessons === mostLessons) return;
    this.#lessons += 1;
    const gaps = gapsOf(bytes, span);
    if (gaps === undefined) return;
    let list = 0;
    let at = span.start;
    for (const next of gaps) {
      const node = this.#add(list, bytes.subarray(at, next.start), next);
      if (node === -1) return;
      list = node + word.below;
      at = next.end;
    }
    const end = { start: span.end, end: span.end, place: placeCount, kind: gap.end };
    const node = this.#add(list, bytes.subarray(at, span.end), end);
    if (node !== -1) this.#tree[node + word.below] = this.#structures.push(span.structure) - 1;
  }

  /** The node of a list for some bytes and what follows them, a new one if need be; -1: there is no room. */
  #add(list: number, literal: Uint8Array, { place = placeCount, kind }: Gap): number {
    const tree = this.#tree;
    let last = list;
    for (let count = 0; (tree[last] ?? 0) !== 0; count += 1) {
      if (count === mostAlternatives) return -1;
      last = (tree[last] ?? 0) / 4;
      const from = (last + word.bytes) * 4;
      const isSame =
        tree[last + word.length] === literal.length &&
        tree[last + word.kind] === kind &&
        tree[last + word.place] === place * 8 &&
        Buffer.compare(literal, this.#bytes.subarray(from, from + literal.length)) === 0;
      if (isSame) return last;
    }
    const node = this.#used / 4;
    const groups = Math.ceil(literal.length / 16);
    const size = word.bytes * 4 + groups * 16;
    if (this.#used + size > treeSize) return -1;
    this.#used += size;
    tree[last] = node * 4;
    tree[node + word.length] = literal.length;
    tree[node + word.tail] = 0xffff & ~((1 << (literal.length - (groups - 1) * 16)) - 1);
    tree[node + word.place] = place * 8;
    tree[node + word.kind] = kind;
    this.#bytes.set(literal, (node + word.bytes) * 4);
    return node;
  }
}

/**
 * The texts and numbers of a span that may be others in a span of the same shape, in order. Undefined: something that is
 * looked at would be none of them, as where space follows it.
 */
function gapsOf(bytes: Uint8Array, { start, end, places, decisive, structure }: ReadSpan): readonly Gap[] | undefined {
  const decided = new Set(decisive);
  const placeAt = new Map<number, number>();
  for (let number = 0; number < placeCount; number += 1)
    if ((structure.present & (1 << number)) !== 0) placeAt.set(places[number * 2] ?? 0, number);
  const gaps: Gap[] = [];
  for (let at = start; at < end; at += 1) {
    const byte = bytes[at] ?? 0;
    if (byte === quote) {
      const from = at + 1;
      at = endOfText(bytes, from);
      // Names of members are none: a colon follows them, or space and a colon.
      if (decided.has(from) || !endsValue(bytes[at + 1])) continue;
      const number = placeAt.get(from);
      gaps.push({ start: from, end: at, place: number, kind: number === undefined ? gap.escapedText : gap.text });
    } else if (isOfNumber(byte)) {
      const from = at;
      while (isOfNumber(bytes[at + 1] ?? 0)) at += 1;
      if (!decided.has(from)) gaps.push(...gapsOfNumber(bytes, from, at + 1, placeAt.get(from)));
    }
  }
  return gaps.filter((one) => one.place !== undefined).length === placeAt.size ? gaps : undefined;
}

/** The digits of a number. Signs, points and exponents stay as they are. */
function gapsOfNumber(bytes: Uint8Array, start: number, end: number, number: number | undefined): readonly Gap[] {
  const gaps: Gap[] = [];
  for (let at = start; at < end; at += 1) {
    const from = at;
    while (at < end && isDigit(bytes[at] ?? 0)) at += 1;
    // A zero may stand before other digits anywhere but at the beginning.
    if (at > from)
      gaps.push({ start: from, end: at, place: number, kind: gaps.length === 0 ? gap.integer : gap.digits });
  }
  return gaps;
}

function endOfText(bytes: Uint8Array, from: number): number {
  let at = from;
  while (bytes[at] !== quote) at += bytes[at] === backslash ? 2 : 1;
  return at;
}

function endsValue(byte: number | undefined): boolean {
  return byte === comma || byte === closeBrace || byte === closeBracket;
}

function isDigit(byte: number): boolean {
  return byte >= 0x30 && byte <= 0x39;
}

/** Of what numbers are made of. Words such as true have no digits, so it does no harm to look for some in them. */
function isOfNumber(byte: number): boolean {
  return isDigit(byte) || numberSigns.includes(byte);
}
