/** What is known of a span besides numbers; bits of `SpanRows.flags`. */
export const flag: {
  readonly hasParent: 1;
  readonly isEntry: 2;
  readonly isStamped: 4;
  readonly isRun: 8;
  readonly isTurn: 16;
  readonly isChat: 32;
  readonly isFlawed: 64;
  readonly isDetached: 128;
  readonly hasLink: 256;
  readonly hasResponse: 512;
  readonly hasInput: 1_024;
  readonly hasOutput: 2_048;
  readonly hasEngineSession: 4_096;
  readonly isProducer: 8_192;
} = {
  hasParent: 1,
  /** The parent is, or may be, in another process: it need not be in the input. */
  isEntry: 2,
  isStamped: 4,
  isRun: 8,
  isTurn: 16,
  isChat: 32,
  /** The span by itself gives a rule something to look at. */
  isFlawed: 64,
  /** Its times need not be inside of its parent's. */
  isDetached: 128,
  hasLink: 256,
  hasResponse: 512,
  hasInput: 1_024,
  hasOutput: 2_048,
  hasEngineSession: 4_096,
  /** What hangs below may lie outside of its times. */
  isProducer: 8_192,
};

/**
 * Facts of spans, a row each, without an object for any of them. Rows are lent and given back: there are as many as
 * spans of traces that are still open.
 */
export class SpanRows {
  traceHigh: Uint32Array<ArrayBuffer> = new Uint32Array(4096);
  traceLow: Uint32Array<ArrayBuffer> = new Uint32Array(4096);
  spanHigh: Uint32Array<ArrayBuffer> = new Uint32Array(4096);
  spanLow: Uint32Array<ArrayBuffer> = new Uint32Array(4096);
  parentHigh: Uint32Array<ArrayBuffer> = new Uint32Array(4096);
  parentLow: Uint32Array<ArrayBuffer> = new Uint32Array(4096);
  sessionHigh: Uint32Array<ArrayBuffer> = new Uint32Array(4096);
  sessionLow: Uint32Array<ArrayBuffer> = new Uint32Array(4096);
  linkTraceHigh: Uint32Array<ArrayBuffer> = new Uint32Array(4096);
  linkTraceLow: Uint32Array<ArrayBuffer> = new Uint32Array(4096);
  linkSpanHigh: Uint32Array<ArrayBuffer> = new Uint32Array(4096);
  linkSpanLow: Uint32Array<ArrayBuffer> = new Uint32Array(4096);
  engineSessionHigh: Uint32Array<ArrayBuffer> = new Uint32Array(4096);
  engineSessionLow: Uint32Array<ArrayBuffer> = new Uint32Array(4096);
  responseHigh: Uint32Array<ArrayBuffer> = new Uint32Array(4096);
  responseLow: Uint32Array<ArrayBuffer> = new Uint32Array(4096);
  resource: Uint32Array<ArrayBuffer> = new Uint32Array(4096);
  flags: Uint32Array<ArrayBuffer> = new Uint32Array(4096);
  input: Float64Array<ArrayBuffer> = new Float64Array(4096);
  output: Float64Array<ArrayBuffer> = new Float64Array(4096);
  /** Nanoseconds since the epoch, to the nearest 256. */
  start: Float64Array<ArrayBuffer> = new Float64Array(4096);
  end: Float64Array<ArrayBuffer> = new Float64Array(4096);
  /** The next row of the same trace, or the next free one; -1: none. */
  next: Int32Array<ArrayBuffer> = new Int32Array(4096);
  #free = -1;
  #used = 0;

  /** Lends a row with all flags off. */
  take(): number {
    const row = this.#free;
    if (row === -1) {
      if (this.#used === this.flags.length) this.#grow();
      this.#used += 1;
      this.flags[this.#used - 1] = 0;
      return this.#used - 1;
    }
    this.#free = this.next[row] ?? -1;
    this.flags[row] = 0;
    return row;
  }

  /** Takes a row back. */
  give(row: number): void {
    this.next[row] = this.#free;
    this.#free = row;
  }

  #grow(): void {
    const size = this.flags.length * 2;
    const wider = (column: Uint32Array<ArrayBuffer>): Uint32Array<ArrayBuffer> => {
      const wide = new Uint32Array(size);
      wide.set(column);
      return wide;
    };
    const widerFloat = (column: Float64Array<ArrayBuffer>): Float64Array<ArrayBuffer> => {
      const wide = new Float64Array(size);
      wide.set(column);
      return wide;
    };
    this.traceHigh = wider(this.traceHigh);
    this.traceLow = wider(this.traceLow);
    this.spanHigh = wider(this.spanHigh);
    this.spanLow = wider(this.spanLow);
    this.parentHigh = wider(this.parentHigh);
    this.parentLow = wider(this.parentLow);
    this.sessionHigh = wider(this.sessionHigh);
    this.sessionLow = wider(this.sessionLow);
    this.linkTraceHigh = wider(this.linkTraceHigh);
    this.linkTraceLow = wider(this.linkTraceLow);
    this.linkSpanHigh = wider(this.linkSpanHigh);
    this.linkSpanLow = wider(this.linkSpanLow);
    this.engineSessionHigh = wider(this.engineSessionHigh);
    this.engineSessionLow = wider(this.engineSessionLow);
    this.responseHigh = wider(this.responseHigh);
    this.responseLow = wider(this.responseLow);
    this.resource = wider(this.resource);
    this.flags = wider(this.flags);
    this.input = widerFloat(this.input);
    this.output = widerFloat(this.output);
    this.start = widerFloat(this.start);
    this.end = widerFloat(this.end);
    const next = new Int32Array(size);
    next.set(this.next);
    this.next = next;
  }
}
