import { specialBytesModule } from './special-bytes.wasm.ts';

const pageSize = 1 << 16;
/** WebAssembly looks at sixteen bytes at a time, also behind the last one. */
const padding = 16;

/** What finds special bytes: the same function in WebAssembly and, where there is none, in JavaScript. */
interface Marker {
  /** Memory of at least so many bytes, with what was in it. */
  grow(size: number): ArrayBufferLike;
  /** Writes the places of the special bytes from `start` to `end` to `out`, and gives where they end. */
  mark(start: number, end: number, out: number): number;
}

/**
 * A piece of memory that lines are read into, which knows where in a line the bytes are that end a JSON string or need
 * a look: quotes, backslashes and control characters. A tokenizer then goes from one to the next.
 */
export class ScanMemory {
  /** Room for lines. */
  bytes: Buffer = Buffer.alloc(0);
  /** The same bytes. */
  view: DataView = new DataView(new ArrayBuffer(0));
  /** Where the special bytes of a line are, in order, and then its end. */
  marks: Int32Array = new Int32Array(0);
  #size: number;
  readonly #marker: Marker;

  constructor(size: number = 1 << 20, isPlain: boolean = typeof WebAssembly === 'undefined') {
    this.#size = size;
    this.#marker = isPlain ? new PlainMarker() : new FastMarker();
    this.#open();
  }

  /** Marks the line between two places. */
  mark(start: number, end: number): void {
    const { marks } = this;
    const out = this.#size + padding;
    let count = (this.#marker.mark(start, end, out) - out) / 4;
    while (count > 0 && (marks[count - 1] ?? 0) >= end) count -= 1;
    marks[count] = end;
  }

  /** Makes twice as much room; what was in there stays where it is. */
  widen(): void {
    this.#size *= 2;
    this.#open();
  }

  #open(): void {
    // Each byte may be special, and there is the end.
    const marks = (this.#size + padding) * 4;
    const buffer = this.#marker.grow(this.#size + padding + marks);
    this.bytes = Buffer.from(buffer, 0, this.#size);
    this.view = new DataView(buffer, 0, this.#size + padding);
    this.marks = new Int32Array(buffer, this.#size + padding, marks / 4);
  }
}

class FastMarker implements Marker {
  readonly #memory: WebAssembly.Memory;
  readonly mark: Marker['mark'];

  constructor() {
    const { memory, mark } = new WebAssembly.Instance(new WebAssembly.Module(Buffer.from(specialBytesModule, 'base64')))
      .exports;
    if (!(memory instanceof WebAssembly.Memory) || typeof mark !== 'function')
      throw new Error('special-bytes.wat exports a memory and a function');
    this.#memory = memory;
    this.mark = (start, end, out) => Number(mark(start, end, out));
  }

  grow(size: number): ArrayBuffer {
    const missing = Math.ceil((size - this.#memory.buffer.byteLength) / pageSize);
    if (missing > 0) this.#memory.grow(missing);
    return this.#memory.buffer;
  }
}

class PlainMarker implements Marker {
  #bytes = new Uint8Array(0);
  #view = new DataView(this.#bytes.buffer);

  grow(size: number): ArrayBuffer {
    const wider = new Uint8Array(size);
    wider.set(this.#bytes);
    this.#bytes = wider;
    this.#view = new DataView(wider.buffer);
    return wider.buffer;
  }

  mark(start: number, end: number, out: number): number {
    let place = out;
    for (let at = start; at < end; at += 1) {
      const byte = this.#bytes[at] ?? 0;
      if (byte >= 0x20 && byte !== 0x22 && byte !== 0x5c) continue;
      this.#view.setInt32(place, at, true);
      place += 4;
    }
    return place;
  }
}
