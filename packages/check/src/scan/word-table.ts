/**
 * Rows of so many words of 32 bits each, one behind the other in one piece of memory. A row is the place of its first
 * word; where the width is even, half of that is the place of its first float of 64 bits.
 */
export class WordTable {
  readonly width: number;
  words: Uint32Array<ArrayBuffer>;
  numbers: Float64Array<ArrayBuffer>;
  #end = 0;

  constructor(width: number, rows = 256) {
    this.width = width;
    this.words = new Uint32Array(width * rows);
    this.numbers = new Float64Array(this.words.buffer, 0, this.words.length >> 1);
  }

  /** Where the next row will be. */
  get end(): number {
    return this.#end;
  }

  /** The words of all rows. */
  get used(): Uint32Array<ArrayBuffer> {
    return this.words.subarray(0, this.#end);
  }

  /** Adds a row of zeros. */
  add(): number {
    const row = this.#end;
    this.#end += this.width;
    if (this.#end > this.words.length) this.#grow();
    return row;
  }

  /** Adds a row of two words. */
  addPair(first: number, second: number): void {
    const row = this.add();
    this.words[row] = first;
    this.words[row + 1] = second;
  }

  #grow(): void {
    // What is never written to takes no memory; what was left behind does, until somebody tidies up.
    const wider = new Uint32Array(this.words.length * 4);
    wider.set(this.words);
    this.words = wider;
    this.numbers = new Float64Array(wider.buffer, 0, wider.length >> 1);
  }
}
