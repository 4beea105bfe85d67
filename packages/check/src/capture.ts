import { CheckUsageError } from './check-usage-error.ts';
import type { Batch, CapturedLog, CapturedMetric } from './signals.ts';
import { captureFinishedSpan, type FinishedSpan } from './sources/in-memory.ts';
import {
  captureEmittedLog,
  type EmittedLog,
  ExportedSeries,
  type ExportedMetrics,
} from './sources/in-memory-signals.ts';
import type { CapturedSpan } from './span.ts';
import { indexRecords, type SpanIndex } from './span-index.ts';
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
  /** Hand this to a NodeSDK or a logger provider: `logRecordProcessors: [capture.logRecordProcessor]`. */
  readonly logRecordProcessor: CaptureLogRecordProcessor;
  /** Hand this to a metric reader: `new PeriodicExportingMetricReader({ exporter: capture.metricExporter })`. */
  readonly metricExporter: CaptureMetricExporter;
  /** Forgets everything, and spans that have begun: they do not appear when they end. Flush a metric reader before it. */
  reset(): void;
}

/** A span processor by its shape: every line of OpenTelemetry's SDK accepts it. */
export interface CaptureSpanProcessor {
  onStart(span: { spanContext(): { readonly spanId: string } }, parentContext: unknown): void;
  onEnd(span: FinishedSpan): void;
  forceFlush(): Promise<void>;
  shutdown(): Promise<void>;
}

/** A log record processor by its shape. */
export interface CaptureLogRecordProcessor {
  onEmit(record: EmittedLog): void;
  forceFlush(): Promise<void>;
  shutdown(): Promise<void>;
}

/** A metric exporter by its shape. */
export interface CaptureMetricExporter {
  export(metrics: ExportedMetrics, done: (result: { code: number }) => void): void;
  /** What was counted since the last export, as `AggregationTemporality.DELTA`: else nothing could be forgotten. */
  selectAggregationTemporality(): 0;
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

/**
 * A capture of the SDK's own `InMemorySpanExporter`, or of any finished spans. An exporter or a list may still grow.
 *
 * @throws CheckUsageError for anything else.
 */
export function captureFrom(finished: FinishedSpans | Iterable<FinishedSpan>): Capture {
  requireSpans(finished);
  const rest = { logs: [], metrics: [] };
  if ('getFinishedSpans' in finished) {
    return new MemoryCapture(() => ({ spans: finished.getFinishedSpans(), ...rest }));
  }
  // A list may grow and is read again each time; anything else that can be walked may only allow it once.
  const spans = Array.isArray(finished) ? finished : [...finished];
  return new MemoryCapture(() => ({ spans, ...rest }));
}

/** Callers without types pass anything. */
function requireSpans(finished: unknown): void {
  const isObject = typeof finished === 'object' && finished !== null;
  if (isObject && ('getFinishedSpans' in finished || Symbol.iterator in finished)) return;
  throw new CheckUsageError(
    'no-spans',
    'captureFrom reads an exporter with getFinishedSpans(), or finished spans that can be walked, but was given something else. Hand it an InMemorySpanExporter, or use createCapture().',
  );
}

/** A capture of records that are plain values already, as the readers of files make them. */
export function captureRecords(records: Partial<Batch>): Capture {
  const index = indexRecords(records);
  const capture = { spans: index.spans, index, tree: () => drawTree(index), [Symbol.toStringTag]: tag };
  return capture;
}

/**
 * To show how two values differ, vitest copies them first, and asks the matchers inside of them about the copies. It leaves
 * what has a tag of its own as it is: a copy of a capture would know nothing of its spans.
 */
const tag = 'Capture';

interface MemoryRecords {
  readonly spans: Iterable<FinishedSpan>;
  readonly logs: readonly CapturedLog[];
  readonly metrics: readonly CapturedMetric[];
}

class MemoryCapture implements Capture {
  readonly #read: () => MemoryRecords;
  readonly #views = new WeakMap<FinishedSpan, CapturedSpan>();
  #seen: Batch = { spans: [], logs: [], metrics: [] };
  #index: SpanIndex = indexRecords({});

  constructor(read: () => MemoryRecords) {
    this.#read = read;
  }

  get spans(): readonly CapturedSpan[] {
    return this.index.spans;
  }

  get index(): SpanIndex {
    const { spans, logs, metrics } = this.#read();
    const now = {
      spans: Array.from(spans, (span, position) => this.#view(span, position)),
      logs: [...logs],
      metrics: [...metrics],
    };
    const { spans: seenSpans, logs: seenLogs, metrics: seenMetrics } = this.#seen;
    if (!isSame(now.spans, seenSpans) || !isSame(now.logs, seenLogs) || !isSame(now.metrics, seenMetrics)) {
      this.#seen = now;
      this.#index = indexRecords(now);
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

  get [Symbol.toStringTag](): string {
    return tag;
  }

  #view(span: FinishedSpan, position: number): CapturedSpan {
    const known = this.#views.get(span) ?? captureFinishedSpan(span, this.orderOf(span, position));
    this.#views.set(span, known);
    return known;
  }
}

class RecordingCapture extends MemoryCapture implements LiveCapture {
  readonly spanProcessor: CaptureSpanProcessor;
  readonly logRecordProcessor: CaptureLogRecordProcessor;
  readonly metricExporter: CaptureMetricExporter;
  readonly reset: () => void;
  readonly #begun: ReadonlyMap<string, number>;

  constructor() {
    const spans: FinishedSpan[] = [];
    const logs: CapturedLog[] = [];
    const metrics = new ExportedSeries();
    const begun = new Map<string, number>();
    const open = new Set<string>();
    const forgotten = new Set<string>();
    let count = 0;
    super(() => ({ spans, logs, metrics: metrics.all }));
    const idle = { forceFlush: () => Promise.resolve(), shutdown: () => Promise.resolve() };
    this.#begun = begun;
    this.spanProcessor = {
      onStart: (span) => {
        const { spanId } = span.spanContext();
        begun.set(spanId, count++);
        open.add(spanId);
      },
      onEnd: (span) => {
        const { spanId } = span.spanContext();
        open.delete(spanId);
        if (!forgotten.delete(spanId)) spans.push(span);
      },
      ...idle,
    };
    this.logRecordProcessor = { onEmit: (record) => void logs.push(captureEmittedLog(record)), ...idle };
    this.metricExporter = {
      export: (exported, done) => {
        metrics.add(exported);
        done({ code: 0 });
      },
      selectAggregationTemporality: () => 0,
      ...idle,
    };
    this.reset = () => {
      spans.length = 0;
      logs.length = 0;
      metrics.clear();
      begun.clear();
      for (const spanId of open) forgotten.add(spanId);
      open.clear();
    };
  }

  protected override orderOf(span: FinishedSpan, position: number): number {
    return this.#begun.get(span.spanContext().spanId) ?? position;
  }
}

function isSame<T>(left: readonly T[], right: readonly T[]): boolean {
  return left.length === right.length && left.every((value, position) => value === right[position]);
}
