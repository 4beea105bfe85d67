import {
  baggageEntryMetadataFromString,
  createTraceState,
  INVALID_SPAN_CONTEXT,
  isSpanContextValid,
  propagation,
  trace,
  TraceFlags,
  type Baggage,
  type BaggageEntry,
  type Context,
  type SpanContext,
  type TextMapGetter,
  type TextMapSetter,
} from '@opentelemetry/api';

export const TRACE_PARENT = 'traceparent';
export const TRACE_STATE = 'tracestate';
export const BAGGAGE = 'baggage';

/** Limits of W3C Baggage: https://www.w3.org/TR/baggage/#limits. */
const MAX_BAGGAGE_PAIRS = 180;
const MAX_BAGGAGE_PAIR_BYTES = 4_096;
const MAX_BAGGAGE_BYTES = 8_192;

const PARENT = /^(?!ff)([\da-f]{2})-(?!0{32})([\da-f]{32})-(?!0{16})([\da-f]{16})-([\da-f]{2})(-.*)?$/;

/** The trace context of the span in `from`, as https://www.w3.org/TR/trace-context/ has it. */
export function injectTraceContext(from: Context, carrier: unknown, setter: TextMapSetter): void {
  const span = trace.getSpanContext(from);
  if (!span || !isSpanContextValid(span)) return;
  const flags = (span.traceFlags & 0xff).toString(16).padStart(2, '0');
  setter.set(carrier, TRACE_PARENT, `00-${span.traceId}-${span.spanId}-${flags}`);
  if (span.traceState) setter.set(carrier, TRACE_STATE, span.traceState.serialize());
}

/** `into` with the remote span that the carrier names; as it was where it names none. */
export function extractTraceContext(into: Context, carrier: unknown, getter: TextMapGetter): Context {
  const span = readTraceParent(first(getter.get(carrier, TRACE_PARENT)));
  if (!span) return into;
  const state = getter.get(carrier, TRACE_STATE);
  const list = Array.isArray(state) ? state.join(',') : state;
  return trace.setSpanContext(into, { ...span, ...(list && { traceState: createTraceState(list) }) });
}

function readTraceParent(header: string | undefined): SpanContext | undefined {
  const [, version, traceId = '', spanId = '', flags = '00', more] = PARENT.exec(header?.trim() ?? '') ?? [];
  // Version 00 has nothing behind its flags; later ones may.
  if (version === undefined || (version === '00' && more !== undefined)) return undefined;
  const span = {
    ...INVALID_SPAN_CONTEXT,
    traceId,
    spanId,
    traceFlags: Number.parseInt(flags, 16) & TraceFlags.SAMPLED,
    isRemote: true,
  };
  return isSpanContextValid(span) ? span : undefined;
}

/** As many entries as W3C allows, whole ones. */
export function injectBaggage(baggage: Baggage, carrier: unknown, setter: TextMapSetter): void {
  const pairs: string[] = [];
  let bytes = 0;
  for (const [name, entry] of baggage.getAllEntries()) {
    const pair = writePair(name, entry);
    const length = Buffer.byteLength(pair) + (pairs.length === 0 ? 0 : 1);
    if (pairs.length >= MAX_BAGGAGE_PAIRS) break;
    if (length > MAX_BAGGAGE_PAIR_BYTES || bytes + length > MAX_BAGGAGE_BYTES) continue;
    pairs.push(pair);
    bytes += length;
  }
  if (pairs.length > 0) setter.set(carrier, BAGGAGE, pairs.join(','));
}

/** The carrier's baggage; undefined where there is none that can be read. */
export function extractBaggage(carrier: unknown, getter: TextMapGetter): Baggage | undefined {
  const header = getter.get(carrier, BAGGAGE);
  const text = Array.isArray(header) ? header.join(',') : header;
  if (!text || text.length > MAX_BAGGAGE_BYTES) return undefined;
  const entries: Record<string, BaggageEntry> = Object.create(null);
  for (const pair of text.split(',').slice(0, MAX_BAGGAGE_PAIRS)) {
    const read = readPair(pair);
    if (read) entries[read.name] = read.entry;
  }
  return Object.keys(entries).length > 0 ? propagation.createBaggage(entries) : undefined;
}

function writePair(name: string, { value, metadata }: BaggageEntry): string {
  const pair = `${encodeURIComponent(name)}=${encodeURIComponent(value)}`;
  return metadata === undefined ? pair : `${pair};${metadata.toString()}`;
}

function readPair(pair: string): { readonly name: string; readonly entry: BaggageEntry } | undefined {
  const [definition = '', ...properties] = pair.split(';');
  const at = definition.indexOf('=');
  if (at <= 0) return undefined;
  try {
    const name = decodeURIComponent(definition.slice(0, at).trim());
    const value = decodeURIComponent(definition.slice(at + 1).trim());
    if (properties.length === 0) return { name, entry: { value } };
    return { name, entry: { value, metadata: baggageEntryMetadataFromString(properties.join(';')) } };
  } catch {
    // Somebody's broken percent-encoding: the rest of the header is still good.
    return undefined;
  }
}

function first(value: string | string[] | undefined): string | undefined {
  return Array.isArray(value) ? (value.length === 1 ? value[0] : undefined) : value;
}
