/** Gives each pair of 32-bit hashes a small number, counting from 0. */
export class HashTable {
  #high = new Uint32Array(1024);
  #low = new Uint32Array(1024);
  /** The number at each slot plus one; 0: free. At most half of the slots are taken. */
  #slots = new Uint32Array(2048);
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** The number of a pair, a new one where it was not known. */
  add(high: number, low: number): number {
    let slot = this.#slotOf(high, low);
    const known = this.#slots[slot] ?? 0;
    if (known !== 0) return known - 1;
    const number = this.#size;
    if (number === this.#high.length) {
      this.#grow();
      slot = this.#slotOf(high, low);
    }
    this.#high[number] = high;
    this.#low[number] = low;
    this.#slots[slot] = number + 1;
    this.#size = number + 1;
    return number;
  }

  /** The number of a pair; -1 where it is not known. */
  find(high: number, low: number): number {
    return (this.#slots[this.#slotOf(high, low)] ?? 0) - 1;
  }

  /** Every number with its pair. */
  *entries(): Iterable<readonly [number: number, high: number, low: number]> {
    for (let number = 0; number < this.#size; number += 1)
      yield [number, this.#high[number] ?? 0, this.#low[number] ?? 0];
  }

  /** Where a pair is, or where it would go. */
  #slotOf(high: number, low: number): number {
    const mask = this.#slots.length - 1;
    const [highs, lows, slots] = [this.#high, this.#low, this.#slots];
    for (let slot = (low ^ Math.imul(high, 0x9e3779b1)) & mask; ; slot = (slot + 1) & mask) {
      const number = slots[slot] ?? 0;
      if (number === 0 || (highs[number - 1] === high >>> 0 && lows[number - 1] === low >>> 0)) return slot;
    }
  }

  #grow(): void {
    const [high, low] = [new Uint32Array(this.#size * 2), new Uint32Array(this.#size * 2)];
    high.set(this.#high);
    low.set(this.#low);
    [this.#high, this.#low] = [high, low];
    this.#slots = new Uint32Array(this.#size * 4);
    for (let number = 0; number < this.#size; number += 1) {
      this.#slots[this.#slotOf(high[number] ?? 0, low[number] ?? 0)] = number + 1;
    }
  }
}
