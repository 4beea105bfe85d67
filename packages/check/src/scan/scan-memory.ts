import { SpanShapes } from './span-shapes.ts';
import { spanShapesModule } from './span-shapes.wasm.ts';
import type { SpanStructure } from './span-structure.ts';
import { specialBytesModule } from './special-bytes.wasm.ts';

const pageSize = 1 << 16;
/** Bytes. With the places of what is special in them, twice as many would be more than WebAssembly can address. */
const largest = 1 << 29;
/** Behind the last byte there is room: some are looked at before it is clear that they are no part of the line. */
const padding = 32;

/** What looks at a piece of memory: in WebAssembly and, where there is none, in JavaScript. */
interface Eyes {
  readonly buffer: ArrayBuffer;
  /** Writes the places of the special bytes from `start` to `end` to `out`, and gives where they end. */
  readonly mark: (start: number, end: number, out: number) => number;
  /** The number of the shape that the span at `start` has, in a tree of shapes; -1: none that is known. */
  readonly match: (start: number, end: number, tree: number, places: number) => number;
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
  /** What spans in this memory look like. */
  readonly shapes: SpanShapes = new SpanShapes();
  #size: number;
  readonly #largest: number;
  #eyes: Eyes = blind;
  readonly #create: (size: number) => Eyes;

  /** By default a piece that stays in a processor's own cache while it is looked at. */
  constructor(size: number = 1 << 18, isPlain: boolean = typeof WebAssembly === 'undefined', most: number = largest) {
    this.#size = size;
    this.#largest = most;
    this.#create = isPlain ? createPlainEyes : createEyes;
    this.#open();
  }

  /** Marks the line between two places. */
  mark(start: number, end: number): void {
    const { marks } = this;
    const out = this.#size + padding;
    let count = (this.#eyes.mark(start, end, out) - out) / 4;
    while (count > 0 && (marks[count - 1] ?? 0) >= end) count -= 1;
    marks[count] = end;
  }

  /**
   * The structure of the span that begins at a place, where it has a known shape: `shapes.places` says where its fields
   * are. Undefined: it has none.
   */
  findShape(start: number, end: number): SpanStructure | undefined {
    const shapes = (this.#size + padding) * 5;
    return this.shapes.get(this.#eyes.match(start, end, shapes, shapes + SpanShapes.treeSize));
  }

  /** Makes twice as much room, and what was in there stays where it is; false where there is no more. */
  widen(): boolean {
    if (this.#size * 2 > this.#largest) return false;
    const { bytes } = this;
    this.#size *= 2;
    this.#open();
    bytes.copy(this.bytes);
    return true;
  }

  #open(): void {
    // Each byte may be special, and there is the end.
    const places = this.#size + padding;
    const shapes = places * 5;
    this.#eyes = this.#create(shapes + SpanShapes.size);
    const { buffer } = this.#eyes;
    this.bytes = Buffer.from(buffer, 0, this.#size);
    this.view = new DataView(buffer, 0, places);
    this.marks = new Int32Array(buffer, places, places);
    this.shapes.move(buffer, shapes);
  }
}

const blind: Eyes = { buffer: new ArrayBuffer(0), mark: () => 0, match: () => -1 };

function createEyes(size: number): Eyes {
  // Never grown: that would detach the buffer, after which V8 asks at every access whether another one has been.
  const memory = new WebAssembly.Memory({ initial: Math.ceil(size / pageSize) });
  const mark = functionOf(specialBytesModule, 'mark', memory);
  const match = functionOf(spanShapesModule, 'match', memory);
  return {
    buffer: memory.buffer,
    mark: (start, end, out) => Number(mark(start, end, out)),
    match: (start, end, tree, places) => Number(match(start, end, tree, places)),
  };
}

function functionOf(module: string, name: string, memory: WebAssembly.Memory): (...numbers: number[]) => unknown {
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(Buffer.from(module, 'base64')), {
    scan: { memory },
  });
  const found = exports[name];
  if (typeof found !== 'function') throw new TypeError(`there is no function ${name} in this module`);
  return (...numbers) => found(...numbers);
}

/** Knows no shapes: all spans are read member by member. */
function createPlainEyes(size: number): Eyes {
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
  return { buffer: bytes.buffer, mark, match: () => -1 };
}
