import { eventNameOf, holdsContent, isMessageEvent } from '../message-events.ts';
import type { CapturedLog, CapturedMetric } from '../signals.ts';
import type { Attributes } from '../span.ts';
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

/**
 * What was exported of metrics, each series once: an export holds what was counted since the one before, and several
 * providers may share an exporter. Metrics of one scope and name stand together.
 */
export class ExportedSeries {
  readonly #metrics = new Map<string, CapturedMetric>();
  readonly #seen = new Set<string>();

  get all(): readonly CapturedMetric[] {
    return [...this.#metrics.values()];
  }

  add({ scopeMetrics }: ExportedMetrics): void {
    for (const { scope, metrics } of scopeMetrics) {
      for (const { descriptor, dataPoints } of metrics) {
        const { name } = descriptor;
        const key = JSON.stringify([scope.name, scope.version, name]);
        const series = dataPoints.map(({ attributes }) => ({ ...attributes })).filter((one) => this.#isNew(key, one));
        const known = this.#metrics.get(key) ?? { name, series: [], traceId: '', spanId: '', place: undefined };
        if (series.length > 0 || !this.#metrics.has(key))
          this.#metrics.set(key, { ...known, series: [...known.series, ...series] });
      }
    }
  }

  clear(): void {
    this.#metrics.clear();
    this.#seen.clear();
  }

  #isNew(key: string, series: Attributes): boolean {
    const { size } = this.#seen;
    return this.#seen.add(JSON.stringify([key, series])).size > size;
  }
}
