import type { Batch } from '../signals.ts';
import type { CapturedSpan, Place, SpanKind, SpanLink, SpanStatus } from '../span.ts';
import { idOf } from './ids.ts';
import { InputError } from './input-error.ts';
import { type JsonRecord, recordOf, recordsOf, stringOf } from './json.ts';
import { requireShallow } from './nesting.ts';

const kinds: readonly SpanKind[] = ['internal', 'server', 'client', 'producer', 'consumer'];
const statuses: readonly SpanStatus[] = ['unset', 'ok', 'error'];
const types = ['span', 'metric', 'log'];

/** Whether a JSON object is a line of the file that Copilot's runtime writes: `exporterType: 'file'` in its SDK. */
export function isCopilotRecord(record: JsonRecord): boolean {
  return typeof record['type'] === 'string' && types.includes(record['type']);
}

/**
 * What a line of Copilot's own file holds. It is no OTLP: one span or metric a line, as OpenTelemetry's JavaScript SDK
 * would print them.
 *
 * @throws InputError for a span without ids, NestingError for an attribute that goes too deep.
 */
export function captureCopilotRecord(record: JsonRecord, place: Place, order: number): Batch {
  // The record is around the attributes: what they have inside of them counts from there.
  requireShallow(record, -1);
  return {
    spans: record['type'] === 'span' ? [captureSpan(record, place, order)] : [],
    logs: [],
    metrics: record['type'] === 'metric' ? [captureMetric(record, place)] : [],
  };
}

function captureMetric(metric: JsonRecord, place: Place): Batch['metrics'][number] {
  return {
    name: stringOf(metric['name']) ?? '',
    series: recordsOf(metric['dataPoints']).map((point) => recordOf(point['attributes'])),
    traceId: '',
    spanId: '',
    place,
  };
}

function captureSpan(span: JsonRecord, place: Place, order: number): CapturedSpan {
  const [traceId, spanId] = [idOf(span['traceId'], 32), idOf(span['spanId'], 16)];
  if (traceId === undefined || spanId === undefined) {
    throw new InputError(
      place.file,
      place.line,
      'a span has no valid traceId and spanId, so nothing can be said of its place.',
    );
  }
  const status = recordOf(span['status']);
  return {
    traceId,
    spanId,
    parentSpanId: idOf(span['parentSpanId'], 16),
    // The file does not say; a run of the runtime may hang under a span of the application that called it.
    parentIsRemote: undefined,
    name: stringOf(span['name']) ?? '',
    kind: memberOf(kinds, span['kind']) ?? 'unspecified',
    start: nanoseconds(span['startTime']),
    end: nanoseconds(span['endTime']),
    status: memberOf(statuses, status['code']) ?? 'unset',
    statusMessage: stringOf(status['message']),
    attributes: recordOf(span['attributes']),
    events: recordsOf(span['events']).map((event) => ({
      name: stringOf(event['name']) ?? '',
      time: nanoseconds(event['time']),
      attributes: recordOf(event['attributes']),
    })),
    links: recordsOf(span['links']).flatMap(captureLink),
    resource: recordOf(recordOf(span['resource'])['attributes']),
    order,
    place,
  };
}

function captureLink(link: JsonRecord): readonly SpanLink[] {
  const context = recordOf(link['context']);
  const [traceId, spanId] = [idOf(context['traceId'], 32), idOf(context['spanId'], 16)];
  if (traceId === undefined || spanId === undefined) return [];
  return [{ traceId, spanId, attributes: recordOf(link['attributes']) }];
}

function memberOf<T>(members: readonly T[], value: unknown): T | undefined {
  return typeof value === 'number' ? members[value] : undefined;
}

/** `[seconds, nanoseconds]`. */
function nanoseconds(time: unknown): bigint {
  if (!Array.isArray(time)) return 0n;
  const [seconds, rest]: readonly unknown[] = time;
  if (!Number.isSafeInteger(seconds) || !Number.isSafeInteger(rest)) return 0n;
  return BigInt(Number(seconds)) * 1_000_000_000n + BigInt(Number(rest));
}
