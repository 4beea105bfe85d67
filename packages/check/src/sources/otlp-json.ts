import { eventNameOf, holdsContent, isMessageEvent } from '../message-events.ts';
import type { Batch, CapturedLog, CapturedMetric } from '../signals.ts';
import type { Attributes, CapturedSpan, Place, SpanEvent, SpanKind, SpanLink, SpanStatus } from '../span.ts';
import { idOf } from './ids.ts';
import { InputError } from './input-error.ts';
import { type JsonRecord, recordOf, recordsOf, stringOf } from './json.ts';
import { deepest, NestingError } from './nesting.ts';

const kinds: readonly SpanKind[] = ['unspecified', 'internal', 'server', 'client', 'producer', 'consumer'];
const kindNames = kinds.map((kind) => `SPAN_KIND_${kind.toUpperCase()}`);
const statuses: readonly SpanStatus[] = ['unset', 'ok', 'error'];
const statusNames = statuses.map((status) => `STATUS_CODE_${status.toUpperCase()}`);
const signals = ['resourceSpans', 'resourceLogs', 'resourceMetrics', 'resourceProfiles'];
const points = ['gauge', 'sum', 'histogram', 'exponentialHistogram', 'summary'];

// Bits of a span's `flags`: https://github.com/open-telemetry/opentelemetry-proto, trace.proto, SpanFlags.
const hasIsRemote = 0x100;
const isRemote = 0x200;

/** Whether a JSON object is an export request of OTLP, of whatever signal. An empty one is, too. */
export function isOtlpRequest(request: JsonRecord): boolean {
  return Object.keys(request).length === 0 || signals.some((signal) => signal in request);
}

/**
 * What an export request of OTLP holds, read from JSON; `order` is the position of its first span in the whole input.
 *
 * @throws InputError for a span without ids or with times that are none, NestingError for an attribute that goes too deep.
 */
export function captureOtlpRequest(request: JsonRecord, place: Place, order: number): Batch {
  const spans: CapturedSpan[] = [];
  for (const resourceSpans of recordsOf(request['resourceSpans'])) {
    const resource = attributesOf(recordOf(resourceSpans['resource'])['attributes']);
    for (const scopeSpans of recordsOf(resourceSpans['scopeSpans'] ?? resourceSpans['instrumentationLibrarySpans'])) {
      for (const span of recordsOf(scopeSpans['spans'])) {
        spans.push(captureSpan(span, resource, place, order + spans.length));
      }
    }
  }
  return {
    spans,
    logs: recordsOf(request['resourceLogs']).flatMap((resourceLogs) => captureLogs(resourceLogs, place)),
    metrics: recordsOf(request['resourceMetrics']).flatMap((resourceMetrics) => captureMetrics(resourceMetrics, place)),
  };
}

function captureLogs(resourceLogs: JsonRecord, place: Place): readonly CapturedLog[] {
  const resource = attributesOf(recordOf(resourceLogs['resource'])['attributes']);
  const records = recordsOf(resourceLogs['scopeLogs']).flatMap((scopeLogs) => recordsOf(scopeLogs['logRecords']));
  return records.map((record) => {
    const log = {
      name: stringOf(record['eventName']) ?? '',
      time: nanoseconds(record['timeUnixNano']),
      attributes: attributesOf(record['attributes']),
      resource,
      traceId: idOf(record['traceId'], 32) ?? '',
      spanId: idOf(record['spanId'], 16) ?? '',
      place,
    };
    return isMessageEvent(eventNameOf(log)) && bodyHoldsContent(record['body']) ? { ...log, hasContent: true } : log;
  });
}

function bodyHoldsContent(body: unknown): boolean {
  try {
    return holdsContent(valueOf(body, 0));
  } catch (error) {
    // Whatever is as deep is there for something.
    if (error instanceof NestingError) return true;
    throw error;
  }
}

function captureMetrics(resourceMetrics: JsonRecord, place: Place): readonly CapturedMetric[] {
  const metrics = recordsOf(resourceMetrics['scopeMetrics']).flatMap((scopeMetrics) =>
    recordsOf(scopeMetrics['metrics']),
  );
  return metrics.map((metric) => ({
    name: stringOf(metric['name']) ?? '',
    series: points
      .flatMap((kind) => recordsOf(recordOf(metric[kind])['dataPoints']))
      .map((point) => attributesOf(point['attributes'])),
    traceId: '',
    spanId: '',
    place,
  }));
}

function captureSpan(span: JsonRecord, resource: Attributes, place: Place, order: number): CapturedSpan {
  const traceId = idOf(span['traceId'], 32);
  const spanId = idOf(span['spanId'], 16);
  if (traceId === undefined || spanId === undefined) {
    throw new InputError(
      place.file,
      place.line,
      `a span has no valid ${traceId === undefined ? 'traceId' : 'spanId'}, so nothing can be said of its place. Ids are hexadecimal or base64.`,
    );
  }
  const flags = typeof span['flags'] === 'number' ? span['flags'] : 0;
  const status = recordOf(span['status']);
  return {
    traceId,
    spanId,
    parentSpanId: idOf(span['parentSpanId'], 16),
    parentIsRemote: (flags & hasIsRemote) === 0 ? undefined : (flags & isRemote) !== 0,
    name: stringOf(span['name']) ?? '',
    kind: enumOf(span['kind'], kinds, kindNames) ?? 'unspecified',
    start: timeOf(span, 'startTimeUnixNano', place),
    end: timeOf(span, 'endTimeUnixNano', place),
    status: enumOf(status['code'], statuses, statusNames) ?? 'unset',
    statusMessage: stringOf(status['message']),
    attributes: attributesOf(span['attributes']),
    events: recordsOf(span['events']).map(captureEvent),
    links: recordsOf(span['links']).flatMap(captureLink),
    resource,
    order,
    place,
  };
}

function captureEvent(event: JsonRecord): SpanEvent {
  return {
    name: stringOf(event['name']) ?? '',
    time: nanoseconds(event['timeUnixNano']),
    attributes: attributesOf(event['attributes']),
  };
}

function captureLink(link: JsonRecord): readonly SpanLink[] {
  const traceId = idOf(link['traceId'], 32);
  const spanId = idOf(link['spanId'], 16);
  if (traceId === undefined || spanId === undefined) return [];
  return [{ traceId, spanId, attributes: attributesOf(link['attributes']) }];
}

/**
 * Attributes as OTLP lists them: `[{ key, value: { stringValue } }]`.
 *
 * @throws NestingError for one that goes too deep.
 */
export function attributesOf(list: unknown, depth = 0): Attributes {
  // Names such as __proto__ become names like any other.
  return Object.fromEntries(
    recordsOf(list).flatMap(({ key, value }) =>
      typeof key === 'string' ? [[key, valueOf(value, depth)] as const] : [],
    ),
  );
}

function valueOf(value: unknown, depth: number): unknown {
  if (depth > deepest) throw new NestingError();
  const any = recordOf(value);
  if ('stringValue' in any) return plainOf(any['stringValue']);
  if ('boolValue' in any) return plainOf(any['boolValue']);
  // A 64-bit integer is text in OTLP's JSON; some writers use a number.
  if ('intValue' in any) return Number(plainOf(any['intValue']));
  if ('doubleValue' in any) return Number(plainOf(any['doubleValue']));
  if ('arrayValue' in any) {
    return recordsOf(recordOf(any['arrayValue'])['values']).map((inner) => valueOf(inner, depth + 1));
  }
  if ('kvlistValue' in any) return attributesOf(recordOf(any['kvlistValue'])['values'], depth + 1);
  const bytes = stringOf(any['bytesValue']);
  // Whatever letters and padding it was written with.
  return bytes === undefined ? undefined : Buffer.from(bytes, 'base64').toString('base64');
}

/** The value unless it is a list or a map, which has no place here and may go as deep as it likes. */
function plainOf(value: unknown): unknown {
  return typeof value === 'object' && value !== null ? undefined : value;
}

/** When a span began or ended; 0 where it does not say. */
function timeOf(span: JsonRecord, name: string, place: Place): bigint {
  const time = span[name];
  if (time === undefined || time === null || time === '') return 0n;
  const known = parseTime(time);
  if (known !== undefined) return known;
  throw new InputError(
    place.file,
    place.line,
    `a span has no valid ${name}, so nothing can be said of its order. Times are nanoseconds since the epoch, as digits.`,
  );
}

function nanoseconds(time: unknown): bigint {
  return parseTime(time) ?? 0n;
}

function parseTime(time: unknown): bigint | undefined {
  if (typeof time === 'string' && /^\d+$/u.test(time)) return BigInt(time);
  const isTime = typeof time === 'number' && time >= 0 && Number.isSafeInteger(Math.trunc(time / 1e6));
  return isTime ? BigInt(Math.trunc(time)) : undefined;
}

function enumOf<T>(value: unknown, members: readonly T[], names: readonly string[]): T | undefined {
  if (typeof value === 'number') return members[value];
  return typeof value === 'string' ? members[names.indexOf(value)] : undefined;
}
