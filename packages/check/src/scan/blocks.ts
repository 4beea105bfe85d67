/** A piece of the input that begins with a line: where to begin to read again. */
export interface Block {
  /** The file, by its place among all. */
  readonly file: number;
  /** Where the first line begins; bytes. */
  readonly offset: number;
  /** The number of that line, from 1. */
  readonly line: number;
  /** How many spans there are in the whole input before it. */
  readonly spans: number;
}

const width = 4;

/** The pieces of the input, by their places. */
export class Blocks {
  #numbers = new Float64Array(width * 64);
  #length = 0;

  get length(): number {
    return this.#length;
  }

  /** Everything, to be sent elsewhere: see `absorb`. */
  get used(): Float64Array<ArrayBuffer> {
    return this.#numbers.slice(0, this.#length * width);
  }

  add({ file, offset, line, spans }: Block): void {
    const at = this.#length * width;
    if (at === this.#numbers.length) {
      const wider = new Float64Array(at * 2);
      wider.set(this.#numbers);
      this.#numbers = wider;
    }
    this.#numbers.set([file, offset, line, spans], at);
    this.#length += 1;
  }

  /** Takes what another one used, whose input came behind so many lines of its file and so many spans. */
  absorb(used: Float64Array, lines: number, spans: number): void {
    for (let at = 0; at < used.length; at += width) {
      const [file = 0, offset = 0, line = 0, before = 0] = used.subarray(at, at + width);
      this.add({ file, offset, line: line + lines, spans: before + spans });
    }
  }

  /** A block by its number; undefined behind the last one. */
  get(number: number): Block | undefined {
    if (number >= this.#length) return undefined;
    const [file = 0, offset = 0, line = 0, spans = 0] = this.#numbers.subarray(number * width, (number + 1) * width);
    return { file, offset, line, spans };
  }
}
