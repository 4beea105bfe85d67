import { specialBytesModule } from './special-bytes.wasm.ts';

const pageSize = 1 << 16;
/** Behind the last byte there is room: some are looked at before it is clear that they are no part of the line. */
const padding = 32;

/** What finds special bytes in a piece of memory: the same in WebAssembly and, where there is none, in JavaScript. */
interface Marker {
  readonly buffer: ArrayBuffer;
  /** Writes the places of the special bytes from `start` to `end` to `out`, and gives where they end. */
  readonly mark: (start: number, end: number, out: number) => number;
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
  #mark: Marker['mark'] = () => 0;
  readonly #create: (size: number) => Marker;

  /** By default a piece that stays in a processor's own cache while it is looked at. */
  constructor(size: number = 1 << 18, isPlain: boolean = typeof WebAssembly === 'undefined') {
    this.#size = size;
    this.#create = isPlain ? createPlainMarker : createMarker;
    this.#open();
  }

  /** Marks the line between two places. */
  mark(start: number, end: number): void {
    const { marks } = this;
    const out = this.#size + padding;
    let count = (this.#mark(start, end, out) - out) / 4;
    while (count > 0 && (marks[count - 1] ?? 0) >= end) count -= 1;
    marks[count] = end;
  }

  /** Makes twice as much room; what was in there stays where it is. */
  widen(): void {
    const { bytes } = this;
    this.#size *= 2;
    this.#open();
    bytes.copy(this.bytes);
  }

  #open(): void {
    // Each byte may be special, and there is the end.
    const marks = this.#size + padding;
    const { buffer, mark } = this.#create(this.#size + padding + marks * 4);
    this.#mark = mark;
    this.bytes = Buffer.from(buffer, 0, this.#size);
    this.view = new DataView(buffer, 0, this.#size + padding);
    this.marks = new Int32Array(buffer, this.#size + padding, marks);
  }
}

function createMarker(size: number): Marker {
  // Never grown: that would detach the buffer, after which V8 asks at every access whether another one has been.
  const memory = new WebAssembly.Memory({ initial: Math.ceil(size / pageSize) });
  const module = new WebAssembly.Module(Buffer.from(specialBytesModule, 'base64'));
  const { mark } = new WebAssembly.Instance(module, { scan: { memory } }).exports;
  if (typeof mark !== 'function') throw new TypeError('special-bytes.wat exports no function "mark"');
  return { buffer: memory.buffer, mark: (start, end, out) => Number(mark(start, end, out)) };
}

function createPlainMarker(size: number): Marker {
  const bytes = new Uint8Array(size);
  const view = new DataView(bytes.buffer);
  const mark = (start: number, end: number, out: number): number => {
    let place = out;
    for (let at = start; at < end; at += 1) {
      const byte = bytes[at] ?? 0;
      if (byte >= 0x20 && byte !== 0x22 && byte !== 0x5c) continue;
      view.setInt32(place, at, true);
      place += 4;
    }
    return place;
  };
  return { buffer: bytes.buffer, mark };
}
