import { captureFinishedSpan, type FinishedSpan } from './sources/in-memory.ts';
import type { CapturedSpan } from './span.ts';
import { indexSpans, type SpanIndex } from './span-index.ts';
import { drawTree } from './tree.ts';

/** Everything that a test or a file recorded, as one read-only value. Reading it is synchronous and waits for nothing. */
export interface Capture {
  /** The spans that have ended so far, by start. */
  readonly spans: readonly CapturedSpan[];
  /** Where the spans hang and which runs and sessions they make; worked out once for the same spans. */
  readonly index: SpanIndex;
  /**
   * The spans as indented text, without ids and times: made for inline snapshots. Traces and siblings stand in the
   * order of their start; a session is named where it begins; a span of a run that carries none says so.
   */
  tree(): string;
}

/** A capture that fills while spans end: reading it later shows later spans. */
export interface LiveCapture extends Capture {
  /** Hand this to a NodeSDK or a tracer provider of SDK 1.x, 2.x or 3.x. */
  readonly spanProcessor: CaptureSpanProcessor;
  /** Forgets every span. */
  reset(): void;
}

/** A span processor by its shape: every line of OpenTelemetry's SDK accepts it. */
export interface CaptureSpanProcessor {
  onStart(span: { spanContext(): { readonly spanId: string } }, parentContext: unknown): void;
  onEnd(span: FinishedSpan): void;
  forceFlush(): Promise<void>;
  shutdown(): Promise<void>;
}

/** OpenTelemetry's `InMemorySpanExporter`, of any SDK line, by its shape. */
export interface FinishedSpans {
  getFinishedSpans(): Iterable<FinishedSpan>;
}

/** Records spans in memory: `new NodeSDK({ spanProcessors: [capture.spanProcessor] })`. */
export function createCapture(): LiveCapture {
  return new RecordingCapture();
}

/** A capture of the SDK's own `InMemorySpanExporter`, or of any finished spans. An exporter or a list may still grow. */
export function captureFrom(finished: FinishedSpans | Iterable<FinishedSpan>): Capture {
  if ('getFinishedSpans' in finished) return new FinishedCapture(() => finished.getFinishedSpans());
  // A list may grow and is read again each time; anything else that can be walked may only allow it once.
  const spans = Array.isArray(finished) ? finished : [...finished];
  return new FinishedCapture(() => spans);
}

/** A capture of spans that are plain values already, as the readers of files make them. */
export function captureSpans(spans: readonly CapturedSpan[]): Capture {
  const index = indexSpans(spans);
  return { spans: index.spans, index, tree: () => drawTree(index) };
}

class FinishedCapture implements Capture {
  readonly #read: () => Iterable<FinishedSpan>;
  readonly #views = new WeakMap<FinishedSpan, CapturedSpan>();
  #seen: readonly CapturedSpan[] = [];
  #index: SpanIndex = indexSpans([]);

  constructor(read: () => Iterable<FinishedSpan>) {
    this.#read = read;
  }

  get spans(): readonly CapturedSpan[] {
    return this.index.spans;
  }

  get index(): SpanIndex {
    const now = Array.from(this.#read(), (span, position) => this.#view(span, position));
    if (now.length !== this.#seen.length || now.some((span, position) => span !== this.#seen[position])) {
      this.#seen = now;
      this.#index = indexSpans(now);
    }
    return this.#index;
  }

  tree(): string {
    return drawTree(this.index);
  }

  /** Where a span stands among those that start in the same millisecond; `position` is its place among the ended. */
  protected orderOf(_span: FinishedSpan, position: number): number {
    return position;
  }

  #view(span: FinishedSpan, position: number): CapturedSpan {
    const known = this.#views.get(span) ?? captureFinishedSpan(span, this.orderOf(span, position));
    this.#views.set(span, known);
    return known;
  }
}

class RecordingCapture extends FinishedCapture implements LiveCapture {
  readonly spanProcessor: CaptureSpanProcessor;
  readonly reset: () => void;
  readonly #begun: ReadonlyMap<string, number>;

  constructor() {
    const ended: FinishedSpan[] = [];
    const begun = new Map<string, number>();
    let count = 0;
    super(() => ended);
    this.#begun = begun;
    this.reset = () => {
      ended.length = 0;
      begun.clear();
    };
    this.spanProcessor = {
      onStart: (span) => void begun.set(span.spanContext().spanId, count++),
      onEnd: (span) => void ended.push(span),
      forceFlush: () => Promise.resolve(),
      shutdown: () => Promise.resolve(),
    };
  }

  protected override orderOf(span: FinishedSpan, position: number): number {
    return this.#begun.get(span.spanContext().spanId) ?? position;
  }
}
