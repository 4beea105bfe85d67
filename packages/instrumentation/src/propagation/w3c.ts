import {
  baggageEntryMetadataFromString,
  createTraceState,
  isSpanContextValid,
  propagation,
  trace,
  type BaggageEntry,
  type Context,
  type TextMapGetter,
  type TextMapPropagator,
  type TextMapSetter,
} from '@opentelemetry/api';
import { isTracingSuppressed } from '../suppression.ts';

const TRACE_PARENT = 'traceparent';
const TRACE_STATE = 'tracestate';
const BAGGAGE = 'baggage';

/** Limits of W3C Baggage: https://www.w3.org/TR/baggage/#limits. */
const MAX_BAGGAGE_PAIRS = 180;
const MAX_BAGGAGE_PAIR_BYTES = 4_096;
const MAX_BAGGAGE_BYTES = 8_192;

/** Version 00 has nothing behind its flags; later ones may. */
const PARENT = /^(?!ff)(?!00.{54})[\da-f]{2}-(?!0{32})([\da-f]{32})-(?!0{16})([\da-f]{16})-([\da-f]{2})(?:-.*)?$/;

/**
 * What the SDK's default propagator does, without a dependency on it: Trace Context
 * (https://www.w3.org/TR/trace-context/) and Baggage.
 */
export const w3c: TextMapPropagator = {
  inject(from, carrier, setter) {
    if (isTracingSuppressed(from)) return;
    injectSpan(from, carrier, setter);
    const pairs: string[] = [];
    let bytes = -1;
    for (const entry of propagation.getBaggage(from)?.getAllEntries() ?? []) {
      const pair = writePair(...entry);
      if (pair === undefined) continue;
      const length = Buffer.byteLength(pair);
      // Whole pairs, as many as are allowed.
      if (pairs.length === MAX_BAGGAGE_PAIRS) break;
      if (length > MAX_BAGGAGE_PAIR_BYTES || bytes + 1 + length > MAX_BAGGAGE_BYTES) continue;
      pairs.push(pair);
      bytes += 1 + length;
    }
    if (pairs.length > 0) setter.set(carrier, BAGGAGE, pairs.join(','));
  },

  extract(into, carrier, getter) {
    const within = extractSpan(into, carrier, getter);
    const header = read(carrier, getter, BAGGAGE);
    if (header.length > MAX_BAGGAGE_BYTES) return within;
    const entries = header.split(',', MAX_BAGGAGE_PAIRS).flatMap(readPair);
    if (entries.length === 0) return within;
    return propagation.setBaggage(within, propagation.createBaggage(Object.fromEntries(entries)));
  },

  fields: () => [TRACE_PARENT, TRACE_STATE, BAGGAGE],
};

function injectSpan(from: Context, carrier: unknown, setter: TextMapSetter): void {
  const span = trace.getSpanContext(from);
  if (!span || !isSpanContextValid(span)) return;
  const flags = span.traceFlags.toString(16).padStart(2, '0');
  setter.set(carrier, TRACE_PARENT, `00-${span.traceId}-${span.spanId}-${flags}`);
  if (span.traceState) setter.set(carrier, TRACE_STATE, span.traceState.serialize());
}

function extractSpan(into: Context, carrier: unknown, getter: TextMapGetter): Context {
  const [, traceId, spanId, flags] = PARENT.exec(read(carrier, getter, TRACE_PARENT)) ?? [];
  if (traceId === undefined || spanId === undefined || flags === undefined) return into;
  const state = read(carrier, getter, TRACE_STATE);
  return trace.setSpanContext(into, {
    traceId,
    spanId,
    traceFlags: Number.parseInt(flags, 16),
    isRemote: true,
    ...(state !== '' && { traceState: createTraceState(state) }),
  });
}

/** A header that came several times is one list; of a `traceparent`, that makes none. What is no text is not there. */
function read(carrier: unknown, getter: TextMapGetter, field: string): string {
  const value: unknown = getter.get(carrier, field);
  const text: unknown = Array.isArray(value) ? value.join(',') : value;
  return typeof text === 'string' ? text.trim() : '';
}

/** Undefined for half a character, which cannot be encoded: the rest of the baggage can. */
function writePair(name: string, { value, metadata }: BaggageEntry): string | undefined {
  try {
    const pair = `${encodeURIComponent(name)}=${encodeURIComponent(value)}`;
    return metadata === undefined ? pair : `${pair};${metadata.toString()}`;
  } catch {
    return undefined;
  }
}

/** One pair, or nothing where its percent-encoding is broken: the rest of the header is still good. */
function readPair(pair: string): [string, BaggageEntry][] {
  // By hand: a pattern with white space around names takes minutes for a header of white space.
  const [definition = '', ...properties] = pair.split(';');
  const equals = definition.indexOf('=');
  const name = definition.slice(0, Math.max(0, equals)).trim();
  if (name === '') return [];
  try {
    const entry = { value: decodeURIComponent(definition.slice(equals + 1).trim()) };
    const rest = properties.length === 0 ? {} : { metadata: baggageEntryMetadataFromString(properties.join(';')) };
    return [[decodeURIComponent(name), { ...entry, ...rest }]];
  } catch {
    return [];
  }
}
