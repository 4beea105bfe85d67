import { ATTR_SESSION_ID, ATTR_TURNKEEPER_SESSION_PARENT_ID } from '@turnkeeper/instrumentation/semconv';

/** What OpenTelemetry calls a span's kind, as a word; `unspecified` is OTLP's zero. */
export type SpanKind = 'unspecified' | 'internal' | 'server' | 'client' | 'producer' | 'consumer';

/** What OpenTelemetry calls a span's status code, as a word. */
export type SpanStatus = 'unset' | 'ok' | 'error';

/** Attribute values by name. Values are what the source held: text, numbers, booleans, and lists of these. */
export type Attributes = Readonly<Record<string, unknown>>;

/** Something that happened during a span. */
export interface SpanEvent {
  readonly name: string;
  /** Nanoseconds since the epoch. */
  readonly time: bigint;
  readonly attributes: Attributes;
}

/** A pointer from a span to another one, often in another trace. */
export interface SpanLink {
  readonly traceId: string;
  readonly spanId: string;
  readonly attributes: Attributes;
}

/** Where in an input a span was read. */
export interface Place {
  readonly file: string;
  /** The line of the file, from 1. */
  readonly line?: number;
}

/** One finished span as a plain, read-only value, whichever SDK line or file format it came from. */
export interface CapturedSpan {
  /** 32 lower-case hexadecimal digits. */
  readonly traceId: string;
  /** 16 lower-case hexadecimal digits. */
  readonly spanId: string;
  /** Undefined for the first span of a trace. */
  readonly parentSpanId: string | undefined;
  /** Whether the parent lives in another process; undefined where the source does not say. */
  readonly parentIsRemote: boolean | undefined;
  readonly name: string;
  readonly kind: SpanKind;
  /** Nanoseconds since the epoch. */
  readonly start: bigint;
  /** Nanoseconds since the epoch. */
  readonly end: bigint;
  readonly status: SpanStatus;
  readonly statusMessage: string | undefined;
  readonly attributes: Attributes;
  readonly events: readonly SpanEvent[];
  readonly links: readonly SpanLink[];
  /** The attributes of the process that wrote the span. */
  readonly resource: Attributes;
  /** Position in which the span was started or, where that is unknown, read. Settles ties of `start`. */
  readonly order: number;
  /** Undefined for spans that come from memory. */
  readonly place: Place | undefined;
}

/** The text that an attribute holds. Anything that is no text, and the empty text, counts as absent. */
export function textOf(attributes: Attributes, name: string): string | undefined {
  const value = attributes[name];
  return typeof value === 'string' && value !== '' ? value : undefined;
}

/** The session that a span is stamped with. */
export function sessionOf(span: CapturedSpan): string | undefined {
  return textOf(span.attributes, ATTR_SESSION_ID);
}

/** The session that a span declares to enclose its own. */
export function parentSessionOf(span: CapturedSpan): string | undefined {
  return textOf(span.attributes, ATTR_TURNKEEPER_SESSION_PARENT_ID);
}

/**
 * What the process with these attributes is known by. Their order says nothing: processors of a collector add attributes,
 * and exporters write them, in whatever order they come upon them.
 */
export function processOf(resource: Attributes): string {
  return JSON.stringify(Object.entries(resource).toSorted(([left], [right]) => (left < right ? -1 : 1)));
}

/** Whether two spans were written by the same process. */
export function isSameProcess(left: CapturedSpan, right: CapturedSpan): boolean {
  return left.resource === right.resource || processOf(left.resource) === processOf(right.resource);
}

/** Orders spans by start and, where these are equal, by the order in which they were started or read. */
export function byStart(left: CapturedSpan, right: CapturedSpan): number {
  if (left.start !== right.start) return left.start < right.start ? -1 : 1;
  return left.order - right.order;
}
