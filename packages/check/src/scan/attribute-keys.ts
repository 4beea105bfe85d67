import { counted, kept, NameIndex, remarkable } from './names.ts';

/** A key that no rule asks for. */
export const ignored = -1;
/** A key that numbers something remarkable, such as `gen_ai.prompt.0.content`. */
export const numbered = -2;

const names = new NameIndex([...kept, ...counted, ...remarkable]);
const prefixes = remarkable.map((name) => Buffer.from(`${name}.`));

// What is remembered of a key: its length, its number, and its bytes, four in a word, the last word overlapping.
const slots = 1024;
const longest = 56;
const width = 16;

/**
 * Says which attribute a key is: its place among those that are kept, then counted, then remarkable. Files repeat a few
 * hundred keys, so each is looked up once and then recognised by its words.
 */
export class AttributeKeys {
  readonly #known = new Int32Array(slots * width);

  /** The number of the key between two places, `ignored` or `numbered`. */
  find(bytes: Uint8Array, view: DataView, start: number, end: number): number {
    const length = end - start;
    if (length < 4 || length > longest) return lookUp(bytes, start, end);
    const last = view.getInt32(end - 4, true);
    const middle = view.getInt32(start + ((length - 4) >> 1), true);
    const mixed = Math.imul(last ^ Math.imul(middle, 0x9e3779b1) ^ length, 0x85ebca6b);
    const slot = (mixed >>> 22) * width;
    const known = this.#known;
    if (known[slot] === length && known[slot + 2] === last && this.#isKnown(view, slot, start, end))
      return known[slot + 1] ?? ignored;
    return this.#learn(bytes, view, slot, start, end);
  }

  #isKnown(view: DataView, slot: number, start: number, end: number): boolean {
    const known = this.#known;
    for (let at = start, word = slot + 3; at + 4 < end; at += 4, word += 1)
      if (view.getInt32(at, true) !== known[word]) return false;
    return true;
  }

  #learn(bytes: Uint8Array, view: DataView, slot: number, start: number, end: number): number {
    const number = lookUp(bytes, start, end);
    this.#known[slot] = end - start;
    this.#known[slot + 1] = number;
    this.#known[slot + 2] = view.getInt32(end - 4, true);
    for (let at = start, word = slot + 3; at + 4 < end; at += 4, word += 1) this.#known[word] = view.getInt32(at, true);
    return number;
  }
}

function lookUp(bytes: Uint8Array, start: number, end: number): number {
  const number = names.find(bytes, start, end);
  if (number !== -1) return number;
  const isNumbered = prefixes.some(
    (prefix) => start + prefix.length <= end && prefix.every((byte, at) => bytes[start + at] === byte),
  );
  return isNumbered ? numbered : ignored;
}
