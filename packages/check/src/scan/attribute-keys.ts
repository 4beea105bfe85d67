import { ATTR_GEN_AI_PROMPT_NAME } from '../mcp.ts';
import { counted, kept, NameIndex, remarkable } from './names.ts';

/** A key that no rule asks for. */
const ignored = -1;
/** A key that numbers something remarkable, such as `gen_ai.prompt.0.content`. */
export const numbered = -2;

const names = new NameIndex([...kept, ...counted, ...remarkable]);
/** These look as if they numbered something remarkable. */
const harmless = new NameIndex([ATTR_GEN_AI_PROMPT_NAME]);
const prefixes = remarkable.map((name) => Buffer.from(`${name}.`));

// What is remembered of a key: its length, its number, its last eight bytes, and those before, eight at a time.
const slots = 1024;
const longest = 48;
const width = 8;

/**
 * Says which attribute a key is: its place among those that are kept, then counted, then remarkable. Files repeat a few
 * hundred keys, so each is looked up once and then recognised by its bytes.
 */
export class AttributeKeys {
  readonly #known = new Float64Array(slots * width);

  /** The number of the key between two places, `numbered`, or -1: no rule asks for it. */
  find(bytes: Uint8Array, view: DataView, start: number, end: number): number {
    const length = end - start;
    if (length < 8 || length > longest) return lookUp(bytes, start, end);
    const mixed = view.getInt32(end - 4, true) ^ Math.imul(view.getInt32(start + (length >> 1) - 2, true), 0x9e3779b1);
    const slot = (Math.imul(mixed ^ length, 0x85ebca6b) >>> 22) * width;
    const known = this.#known;
    if (known[slot] !== length || known[slot + 2] !== view.getFloat64(end - 8, true))
      return this.#learn(bytes, view, slot, start, end);
    for (let at = start, part = slot + 3; at + 8 < end; at += 8, part += 1)
      if (view.getFloat64(at, true) !== known[part]) return this.#learn(bytes, view, slot, start, end);
    return known[slot + 1] ?? ignored;
  }

  #learn(bytes: Uint8Array, view: DataView, slot: number, start: number, end: number): number {
    const number = lookUp(bytes, start, end);
    this.#known[slot] = end - start;
    this.#known[slot + 1] = number;
    this.#known[slot + 2] = view.getFloat64(end - 8, true);
    for (let at = start, part = slot + 3; at + 8 < end; at += 8, part += 1)
      this.#known[part] = view.getFloat64(at, true);
    return number;
  }
}

function lookUp(bytes: Uint8Array, start: number, end: number): number {
  const number = names.find(bytes, start, end);
  if (number !== -1) return number;
  if (harmless.find(bytes, start, end) !== -1) return ignored;
  const isNumbered = prefixes.some(
    (prefix) => start + prefix.length <= end && prefix.every((byte, at) => bytes[start + at] === byte),
  );
  return isNumbered ? numbered : ignored;
}
