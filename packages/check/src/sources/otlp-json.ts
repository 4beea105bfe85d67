import type { Attributes, CapturedSpan, SpanEvent, SpanKind, SpanLink, SpanStatus } from '../span.ts';
import { InputError } from './input-error.ts';
import { readLines } from './lines.ts';

const kinds: readonly SpanKind[] = ['unspecified', 'internal', 'server', 'client', 'producer', 'consumer'];
const kindNames = kinds.map((kind) => `SPAN_KIND_${kind.toUpperCase()}`);
const statuses: readonly SpanStatus[] = ['unset', 'ok', 'error'];
const statusNames = statuses.map((status) => `STATUS_CODE_${status.toUpperCase()}`);
const otherSignals = ['resourceLogs', 'resourceMetrics', 'resourceProfiles'];

// Bits of a span's `flags`: https://github.com/open-telemetry/opentelemetry-proto, trace.proto, SpanFlags.
const hasIsRemote = 0x100;
const isRemote = 0x200;

/**
 * The spans of a file in the collector's file format: an `ExportTraceServiceRequest` of OTLP per line, as JSON. Lines
 * of other signals and blank lines are passed over.
 *
 * @throws InputError at the first line that is something else, and for a file without a single line.
 */
export async function* readOtlpJson(file: string): AsyncIterable<CapturedSpan> {
  let order = 0;
  let isEmpty = true;
  for await (const { number, text } of readLines(file)) {
    if (text.trim() === '') continue;
    isEmpty = false;
    for (const span of spansOfLine(text, file, number, order)) {
      order += 1;
      yield span;
    }
  }
  if (isEmpty) {
    throw new InputError(file, undefined, 'the file is empty. Was the exporter flushed before the process ended?');
  }
}

/** The spans of one line; `order` is the position of the first of them in the whole input. */
export function spansOfLine(text: string, file: string, line: number, order: number): readonly CapturedSpan[] {
  const request = parseLine(text, file, line);
  if (!Array.isArray(request['resourceSpans'])) {
    if (Object.keys(request).length === 0 || otherSignals.some((signal) => signal in request)) return [];
    throw new InputError(
      file,
      line,
      'this is JSON, but not OTLP: it has no "resourceSpans". Each line must be an ExportTraceServiceRequest, as the file exporter of an OpenTelemetry collector writes it.',
    );
  }
  const spans: CapturedSpan[] = [];
  for (const resourceSpans of recordsOf(request['resourceSpans'])) {
    const resource = attributesOf(recordOf(resourceSpans['resource'])['attributes']);
    for (const scopeSpans of recordsOf(resourceSpans['scopeSpans'] ?? resourceSpans['instrumentationLibrarySpans'])) {
      for (const span of recordsOf(scopeSpans['spans'])) {
        spans.push(captureSpan(span, resource, file, line, order + spans.length));
      }
    }
  }
  return spans;
}

function parseLine(text: string, file: string, line: number): Readonly<Record<string, unknown>> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new InputError(
      file,
      line,
      'this line is not JSON. Was the file cut off while it was written? Remove the line, or export again.',
    );
  }
  if (isRecord(value)) return value;
  throw new InputError(
    file,
    line,
    'this line is JSON, but not OTLP: it is no object. Each line must be an ExportTraceServiceRequest.',
  );
}

function captureSpan(
  span: Readonly<Record<string, unknown>>,
  resource: Attributes,
  file: string,
  line: number,
  order: number,
): CapturedSpan {
  const traceId = idOf(span['traceId'], 32);
  const spanId = idOf(span['spanId'], 16);
  if (traceId === undefined || spanId === undefined) {
    throw new InputError(
      file,
      line,
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
    start: nanoseconds(span['startTimeUnixNano']),
    end: nanoseconds(span['endTimeUnixNano']),
    status: enumOf(status['code'], statuses, statusNames) ?? 'unset',
    statusMessage: stringOf(status['message']),
    attributes: attributesOf(span['attributes']),
    events: recordsOf(span['events']).map(captureEvent),
    links: recordsOf(span['links']).flatMap(captureLink),
    resource,
    order,
    place: { file, line },
  };
}

function captureEvent(event: Readonly<Record<string, unknown>>): SpanEvent {
  return {
    name: stringOf(event['name']) ?? '',
    time: nanoseconds(event['timeUnixNano']),
    attributes: attributesOf(event['attributes']),
  };
}

function captureLink(link: Readonly<Record<string, unknown>>): readonly SpanLink[] {
  const traceId = idOf(link['traceId'], 32);
  const spanId = idOf(link['spanId'], 16);
  if (traceId === undefined || spanId === undefined) return [];
  return [{ traceId, spanId, attributes: attributesOf(link['attributes']) }];
}

/** Attributes as OTLP lists them: `[{ key, value: { stringValue } }]`. */
function attributesOf(list: unknown): Attributes {
  const attributes: Record<string, unknown> = Object.create(null);
  for (const { key, value } of recordsOf(list)) if (typeof key === 'string') attributes[key] = valueOf(value);
  return attributes;
}

function valueOf(value: unknown): unknown {
  const any = recordOf(value);
  if ('stringValue' in any) return any['stringValue'];
  if ('boolValue' in any) return any['boolValue'];
  // A 64-bit integer is text in OTLP's JSON; some writers use a number.
  if ('intValue' in any) return Number(any['intValue']);
  if ('doubleValue' in any) return Number(any['doubleValue']);
  if ('arrayValue' in any) return recordsOf(recordOf(any['arrayValue'])['values']).map(valueOf);
  if ('kvlistValue' in any) return attributesOf(recordOf(any['kvlistValue'])['values']);
  return any['bytesValue'];
}

/** An id as lower-case hexadecimal digits. OTLP's JSON has them in hexadecimal; protobuf's own mapping in base64. */
function idOf(id: unknown, digits: 16 | 32): string | undefined {
  if (typeof id !== 'string') return undefined;
  const hexadecimal = id.length === digits ? id.toLowerCase() : Buffer.from(id, 'base64').toString('hex');
  if (hexadecimal.length !== digits || !/^[0-9a-f]+$/u.test(hexadecimal) || /^0+$/u.test(hexadecimal)) return undefined;
  return hexadecimal;
}

function nanoseconds(time: unknown): bigint {
  if (typeof time === 'string' && /^\d+$/u.test(time)) return BigInt(time);
  return typeof time === 'number' && Number.isSafeInteger(Math.trunc(time / 1e6)) ? BigInt(Math.trunc(time)) : 0n;
}

function enumOf<T>(value: unknown, members: readonly T[], names: readonly string[]): T | undefined {
  if (typeof value === 'number') return members[value];
  return typeof value === 'string' ? members[names.indexOf(value)] : undefined;
}

function stringOf(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

function recordsOf(list: unknown): readonly Readonly<Record<string, unknown>>[] {
  return Array.isArray(list) ? list.filter(isRecord) : [];
}

function recordOf(value: unknown): Readonly<Record<string, unknown>> {
  return isRecord(value) ? value : {};
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
