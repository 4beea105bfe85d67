/** Pieces of bytes as one queue: look ahead, take so many, or take all the rest. */
export class ByteQueue {
  readonly #source: AsyncIterator<Buffer>;
  #pieces: Buffer[] = [];
  #length = 0;

  constructor(source: AsyncIterable<Buffer>) {
    this.#source = source[Symbol.asyncIterator]();
  }

  /** The next bytes, fewer at the end, without taking them. */
  async peek(count: number): Promise<Buffer> {
    await this.#fill(count);
    return this.#join().subarray(0, count);
  }

  /** The next so many bytes; undefined, and nothing taken, where there are fewer. */
  async take(count: number): Promise<Buffer | undefined> {
    await this.#fill(count);
    if (this.#length < count) return undefined;
    const all = this.#join();
    this.#pieces = [all.subarray(count)];
    this.#length -= count;
    return all.subarray(0, count);
  }

  /** Everything that has not been taken. */
  async *rest(): AsyncIterable<Buffer> {
    yield* this.#pieces.splice(0);
    this.#length = 0;
    yield* { [Symbol.asyncIterator]: () => this.#source };
  }

  /** Lets go of what the bytes come from. */
  async close(): Promise<void> {
    await this.#source.return?.();
  }

  async #fill(count: number): Promise<void> {
    while (this.#length < count) {
      const { value, done } = await this.#source.next();
      if (done === true) return;
      this.#pieces.push(value);
      this.#length += value.length;
    }
  }

  #join(): Buffer {
    const [first] = this.#pieces;
    if (this.#pieces.length === 1 && first !== undefined) return first;
    const all = Buffer.concat(this.#pieces);
    this.#pieces = [all];
    return all;
  }
}
