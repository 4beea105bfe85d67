import type { Attributes, CapturedSpan, Place } from './span.ts';

/** One log event as a plain, read-only value. */
export interface CapturedLog {
  /** The event's name; empty for a log record that is no event. */
  readonly name: string;
  /** Nanoseconds since the epoch. */
  readonly time: bigint;
  readonly attributes: Attributes;
  /** Whether it is one of the GenAI events with a message in its body; the body itself is not kept. */
  readonly hasContent?: boolean | undefined;
  /** The attributes of the process that wrote it. */
  readonly resource: Attributes;
  /** Empty for a log outside every span. */
  readonly traceId: string;
  /** Empty for a log outside every span. */
  readonly spanId: string;
  readonly place: Place | undefined;
}

/** One metric as a plain, read-only value: its name and its series, without the numbers. */
export interface CapturedMetric {
  readonly name: string;
  /** The attributes of each of its series. */
  readonly series: readonly Attributes[];
  /** Always empty: a metric belongs to no span. */
  readonly traceId: string;
  /** Always empty. */
  readonly spanId: string;
  readonly place: Place | undefined;
}

/** What a source reads at once: the records of a line, of a message, of a table's rows. */
export interface Batch {
  readonly spans: readonly CapturedSpan[];
  readonly logs: readonly CapturedLog[];
  readonly metrics: readonly CapturedMetric[];
}
