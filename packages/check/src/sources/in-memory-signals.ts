import { eventNameOf, holdsContent, isMessageEvent } from '../message-events.ts';
import type { CapturedLog, CapturedMetric } from '../signals.ts';
import { type HighResolutionTime, toNanoseconds } from './in-memory.ts';

/** A log record as OpenTelemetry's JavaScript SDK hands it to a processor, by its shape. */
export interface EmittedLog {
  readonly eventName?: string | undefined;
  readonly hrTime: HighResolutionTime;
  readonly attributes: Readonly<Record<string, unknown>>;
  readonly body?: unknown;
  readonly spanContext?: { readonly traceId: string; readonly spanId: string } | undefined;
  readonly resource: { readonly attributes: Readonly<Record<string, unknown>> };
}

/** Metrics as OpenTelemetry's JavaScript SDK hands them to an exporter, by their shape. */
export interface ExportedMetrics {
  readonly scopeMetrics: readonly {
    readonly scope: { readonly name: string; readonly version?: string | undefined };
    readonly metrics: readonly {
      readonly descriptor: { readonly name: string };
      readonly dataPoints: readonly { readonly attributes: Readonly<Record<string, unknown>> }[];
    }[];
  }[];
}

/** A log record of the SDK as a plain value. */
export function captureEmittedLog(record: EmittedLog): CapturedLog {
  const log = {
    name: record.eventName ?? '',
    time: toNanoseconds(record.hrTime),
    attributes: { ...record.attributes },
    resource: record.resource.attributes,
    traceId: record.spanContext?.traceId ?? '',
    spanId: record.spanContext?.spanId ?? '',
    place: undefined,
  };
  return isMessageEvent(eventNameOf(log)) && holdsContent(record.body) ? { ...log, hasContent: true } : log;
}

/** Metrics of the SDK as plain values; those of one scope and name stand together. */
export function captureExportedMetrics({
  scopeMetrics,
}: ExportedMetrics): ReadonlyMap<string, readonly CapturedMetric[]> {
  const captured = new Map<string, CapturedMetric[]>();
  for (const { scope, metrics } of scopeMetrics) {
    for (const { descriptor, dataPoints } of metrics) {
      const key = JSON.stringify([scope.name, scope.version, descriptor.name]);
      const series = dataPoints.map(({ attributes }) => ({ ...attributes }));
      const metric = { name: descriptor.name, series, traceId: '', spanId: '', place: undefined };
      captured.set(key, [...(captured.get(key) ?? []), metric]);
    }
  }
  return captured;
}
