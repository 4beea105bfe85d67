/** Gives each pair of 32-bit hashes a small number, counting from 0. */
export class HashTable {
  /** By number: the pair. */
  #pairs: Uint32Array<ArrayBuffer>;
  /** The number at each slot plus one; 0: free. At most half of the slots are taken. */
  #slots: Uint32Array<ArrayBuffer>;
  #size = 0;

  /** With room for so many; it grows where there are more. */
  constructor(room = 1024) {
    const length = 2 ** Math.ceil(Math.log2(Math.max(room, 1) * 2));
    this.#pairs = new Uint32Array(length);
    this.#slots = new Uint32Array(length);
  }

  get size(): number {
    return this.#size;
  }

  /** The pairs by their numbers: two words each. */
  get pairs(): Uint32Array<ArrayBuffer> {
    return this.#pairs.subarray(0, this.#size * 2);
  }

  /** The number of a pair, a new one where it was not known. */
  add(high: number, low: number): number {
    let slot = this.#slotOf(high, low);
    const known = this.#slots[slot] ?? 0;
    if (known !== 0) return known - 1;
    const number = this.#size;
    if (number * 2 === this.#pairs.length) {
      this.#grow();
      slot = this.#slotOf(high, low);
    }
    this.#pairs[number * 2] = high;
    this.#pairs[number * 2 + 1] = low;
    this.#slots[slot] = number + 1;
    this.#size = number + 1;
    return number;
  }

  /** The number of a pair; -1 where it is not known. */
  find(high: number, low: number): number {
    return (this.#slots[this.#slotOf(high, low)] ?? 0) - 1;
  }

  /** Adds all pairs of another table: which numbers they have here, by those they had there. */
  addAll(pairs: Uint32Array): Uint32Array<ArrayBuffer> {
    const numbers = new Uint32Array(pairs.length / 2);
    for (let number = 0; number < numbers.length; number += 1)
      numbers[number] = this.add(pairs[number * 2] ?? 0, pairs[number * 2 + 1] ?? 0);
    return numbers;
  }

  /** Every number with its pair. */
  *entries(): Iterable<readonly [number: number, high: number, low: number]> {
    for (let number = 0; number < this.#size; number += 1)
      yield [number, this.#pairs[number * 2] ?? 0, this.#pairs[number * 2 + 1] ?? 0];
  }

  /** Where a pair is, or where it would go. */
  #slotOf(high: number, low: number): number {
    const mask = this.#slots.length - 1;
    const pairs = this.#pairs;
    const slots = this.#slots;
    for (let slot = (low ^ Math.imul(high, 0x9e3779b1)) & mask; ; slot = (slot + 1) & mask) {
      const number = slots[slot] ?? 0;
      if (number === 0) return slot;
      if (pairs[number * 2 - 2] === high >>> 0 && pairs[number * 2 - 1] === low >>> 0) return slot;
    }
  }

  #grow(): void {
    const pairs = new Uint32Array(this.#pairs.length * 2);
    pairs.set(this.#pairs);
    this.#pairs = pairs;
    this.#slots = new Uint32Array(this.#slots.length * 2);
    for (let number = 0; number < this.#size; number += 1) {
      this.#slots[this.#slotOf(pairs[number * 2] ?? 0, pairs[number * 2 + 1] ?? 0)] = number + 1;
    }
  }
}
