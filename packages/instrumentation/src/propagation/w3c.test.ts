import {
  baggageEntryMetadataFromString,
  createTraceState,
  defaultTextMapGetter,
  defaultTextMapSetter,
  propagation,
  ROOT_CONTEXT,
  trace,
  type Context,
  type TextMapPropagator,
} from '@opentelemetry/api';
import {
  CompositePropagator,
  suppressTracing,
  W3CBaggagePropagator,
  W3CTraceContextPropagator,
} from '@opentelemetry/core';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { SessionPropagator } from './session-propagator.ts';
import { w3c } from './w3c.ts';

const sdk = new CompositePropagator({ propagators: [new W3CTraceContextPropagator(), new W3CBaggagePropagator()] });
type Headers = Record<string, string | string[]>;
const write = (by: TextMapPropagator, from: Context): Record<string, string> => {
  const carrier = {};
  by.inject(from, carrier, defaultTextMapSetter);
  return carrier;
};
const read = (by: TextMapPropagator, carrier: Headers): Context =>
  by.extract(ROOT_CONTEXT, carrier, defaultTextMapGetter);
const entries = (from: Context): unknown =>
  propagation
    .getBaggage(from)
    ?.getAllEntries()
    .map(([name, { value, metadata }]) => [name, value, metadata?.toString()]);
const span = (from: Context): unknown => {
  const { traceState, ...rest } = trace.getSpanContext(from) ?? {};
  return { ...rest, state: traceState?.serialize() };
};

const hex = (length: number): fc.Arbitrary<string> =>
  fc.stringMatching(new RegExp(`^[0-9a-f]{${length}}$`)).filter((text) => /[^0]/.test(text));
const contexts = fc
  .record({
    traceId: hex(32),
    spanId: hex(16),
    traceFlags: fc.constantFrom(0, 1),
    state: fc.constantFrom(undefined, 'a=1', 'a=1,b@c=2'),
    baggage: fc.dictionary(
      fc.stringMatching(/^[a-z.-]{1,8}$/),
      fc.tuple(fc.string({ unit: 'grapheme', minLength: 1 }), fc.constantFrom(undefined, 'p=1', 'p;q=2')),
    ),
  })
  .map(({ traceId, spanId, traceFlags, state, baggage }) => {
    const traceState = state === undefined ? {} : { traceState: createTraceState(state) };
    const within = trace.setSpanContext(ROOT_CONTEXT, { traceId, spanId, traceFlags, isRemote: true, ...traceState });
    const given = Object.entries(baggage).map(([name, [value, metadata]]) => [
      name,
      { value, ...(metadata !== undefined && { metadata: baggageEntryMetadataFromString(metadata) }) },
    ]);
    return propagation.setBaggage(within, propagation.createBaggage(Object.fromEntries(given)));
  });

describe('trace context and baggage', () => {
  test('are written and read as the SDK’s default propagator does', () => {
    fc.assert(
      fc.property(contexts, (from) => {
        expect(write(w3c, from)).toEqual(write(sdk, from));
        const carrier = write(sdk, from);
        expect(span(read(w3c, carrier))).toEqual(span(read(sdk, carrier)));
        expect(entries(read(w3c, carrier))).toEqual(entries(read(sdk, carrier)));
      }),
    );
    expect(w3c.fields().toSorted()).toEqual(sdk.fields().toSorted());
  });

  test('are not written where tracing is suppressed, as by the SDK’s', () => {
    fc.assert(
      fc.property(contexts, (from) => {
        for (const propagator of [sdk, w3c, new SessionPropagator()]) {
          expect(write(propagator, suppressTracing(from))).toEqual({});
        }
      }),
    );
  });

  const good = `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`;
  test.each([
    ['a later version, with more behind it', `01-${'a'.repeat(32)}-${'b'.repeat(16)}-01-more`, true],
    ['white space around it', ` ${good} `, true],
    ['version 00 with more behind it', `${good}-more`, false],
    ['version ff', `ff${good.slice(2)}`, false],
    ['a trace id of zeros', good.replace(/a/g, '0'), false],
    ['a span id of zeros', good.replace(/b/g, '0'), false],
    ['upper case', good.toUpperCase(), false],
    ['something cut off', good.slice(0, -1), false],
    ['two of them', [good, good], false],
    ['nothing', '', false],
    ['a megabyte', 'a'.repeat(1_000_000), false],
  ])('of a carrier with %s', (_name, traceparent, isRead) => {
    expect(trace.getSpanContext(read(w3c, { traceparent })) !== undefined).toBe(isRead);
  });

  test('never fail on what comes', () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), fc.string(), (traceparent, tracestate, baggage) => {
        const carrier = { traceparent, tracestate, baggage };
        expect(() => write(w3c, read(w3c, carrier))).not.toThrow();
      }),
    );
  });

  test('skip a pair that is broken and keep the others', () => {
    const carrier = { baggage: 'a=1,broken,=2,%zz=3,b=%zz, c = 4 ;p=5,d=,__proto__=6' };
    expect(entries(read(w3c, carrier))).toEqual([
      ['a', '1', undefined],
      ['c', '4', 'p=5'],
      ['d', '', undefined],
      ['__proto__', '6', undefined],
    ]);
  });
});

describe('the limits of W3C Baggage', () => {
  const baggageOf = (pairs: Record<string, string>): Context =>
    propagation.setBaggage(
      ROOT_CONTEXT,
      propagation.createBaggage(Object.fromEntries(Object.entries(pairs).map(([name, value]) => [name, { value }]))),
    );
  const written = (pairs: Record<string, string>): string => write(w3c, baggageOf(pairs))['baggage'] ?? '';

  test('hold: 180 pairs, 4096 bytes a pair, 8192 in all; pairs are whole', () => {
    const many = Object.fromEntries(Array.from({ length: 200 }, (_, index) => [`k${index}`, 'v']));
    expect(written(many).split(',')).toHaveLength(180);
    expect(written({ long: 'x'.repeat(4_096), short: 'y' })).toBe('short=y');
    expect(written({ long: 'x'.repeat(4_091) })).toHaveLength(4_096);
    expect(written({ wide: '€'.repeat(500) })).toBe('');
    const heavy = Object.fromEntries(Array.from({ length: 5 }, (_, index) => [`k${index}`, 'x'.repeat(2_044)]));
    expect(written(heavy)).toHaveLength(4 * 2_047 + 3);
    expect(written({ ...heavy, small: 'y' }).split(',')).toHaveLength(4);
    // With its comma, a pair of one byte is 4 more.
    const whole = { a: 'x'.repeat(4_092), b: 'x'.repeat(4_089) };
    expect(written(whole)).toHaveLength(8_186);
    expect(written({ ...whole, c: 'xyz' })).toHaveLength(8_192);
    expect(written({ ...whole, c: 'xyz4' })).toHaveLength(8_186);
  });

  test('are those of what comes in, too', () => {
    const many = Array.from({ length: 200 }, (_, index) => `k${index}=v`).join(',');
    expect(entries(read(w3c, { baggage: many }))).toHaveLength(180);
    expect(entries(read(w3c, { baggage: `a=${'x'.repeat(8_200)}` }))).toBeUndefined();
  });
});
