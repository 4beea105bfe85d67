import type { CapturedSpan, SpanKind, SpanStatus } from '../span.ts';

/** Seconds and nanoseconds since the epoch, as OpenTelemetry's JavaScript API writes a time. */
export type HighResolutionTime = readonly [seconds: number, nanoseconds: number];

/**
 * A span as OpenTelemetry's JavaScript SDK hands it to a processor or an exporter when it has ended: SDK 1.x, 2.x and
 * 3.x alike. Described by its shape, so that this package needs none of them.
 */
export interface FinishedSpan {
  readonly name: string;
  /** 0 internal, 1 server, 2 client, 3 producer, 4 consumer. */
  readonly kind: number;
  spanContext(): { readonly traceId: string; readonly spanId: string };
  /** SDK 1.x. */
  readonly parentSpanId?: string | undefined;
  /** SDK 2.x and 3.x. */
  readonly parentSpanContext?: { readonly spanId: string; readonly isRemote?: boolean | undefined } | undefined;
  readonly startTime: HighResolutionTime;
  readonly endTime: HighResolutionTime;
  /** 0 unset, 1 ok, 2 error. */
  readonly status: { readonly code: number; readonly message?: string | undefined };
  readonly attributes: Readonly<Record<string, unknown>>;
  readonly events: readonly {
    readonly name: string;
    readonly time: HighResolutionTime;
    readonly attributes?: Readonly<Record<string, unknown>> | undefined;
  }[];
  readonly links: readonly {
    readonly context: { readonly traceId: string; readonly spanId: string };
    readonly attributes?: Readonly<Record<string, unknown>> | undefined;
  }[];
  readonly resource: { readonly attributes: Readonly<Record<string, unknown>> };
}

const kinds: readonly SpanKind[] = ['internal', 'server', 'client', 'producer', 'consumer'];
const statuses: readonly SpanStatus[] = ['unset', 'ok', 'error'];

/** A finished span of any SDK line as a plain value. `order` settles ties between spans that start at the same time. */
export function captureFinishedSpan(span: FinishedSpan, order: number): CapturedSpan {
  const { traceId, spanId } = span.spanContext();
  const parent = span.parentSpanContext;
  return Object.freeze({
    traceId,
    spanId,
    parentSpanId: (parent?.spanId ?? span.parentSpanId) || undefined,
    // SDK 2.x and 3.x say `isRemote` only where it is true; SDK 1.x keeps nothing but the parent's id.
    parentIsRemote: parent === undefined ? undefined : parent.isRemote === true,
    name: span.name,
    kind: kinds[span.kind] ?? 'unspecified',
    start: toNanoseconds(span.startTime),
    end: toNanoseconds(span.endTime),
    status: statuses[span.status.code] ?? 'unset',
    statusMessage: span.status.message,
    attributes: Object.freeze({ ...span.attributes }),
    events: span.events.map((event) => ({
      name: event.name,
      time: toNanoseconds(event.time),
      attributes: { ...event.attributes },
    })),
    links: span.links.map((link) => ({
      traceId: link.context.traceId,
      spanId: link.context.spanId,
      attributes: { ...link.attributes },
    })),
    resource: span.resource.attributes,
    order,
    place: undefined,
  });
}

/** A time of the SDK in nanoseconds since the epoch. */
export function toNanoseconds([seconds, rest]: HighResolutionTime): bigint {
  return BigInt(seconds) * 1_000_000_000n + BigInt(Math.round(rest));
}
