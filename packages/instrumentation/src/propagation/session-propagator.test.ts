import {
  context,
  defaultTextMapGetter,
  defaultTextMapSetter,
  INVALID_SPAN_CONTEXT,
  propagation,
  ROOT_CONTEXT,
  SpanKind,
  trace,
  type Attributes,
  type Context,
} from '@opentelemetry/api';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { currentSession, frameIn, withSession } from '../session/active-session.ts';
import { startTracing, type Tracing } from '../testing/tracing.ts';
import { carrierFor } from './carriers.ts';
import { SessionPropagator, type SessionPropagatorOptions } from './session-propagator.ts';

let tracing: Tracing;
beforeEach(() => {
  tracing = startTracing();
});
afterEach(() => tracing[Symbol.dispose]());

const send = ['api.internal', '*.example.com', 'LOCALHOST', '::1'];

/** What a client span for this host takes along, in the session `conv-42`. */
function sent(
  attributes: Attributes,
  {
    kind = SpanKind.CLIENT,
    baggage = {},
    options = {},
  }: {
    readonly kind?: SpanKind;
    readonly baggage?: Record<string, string>;
    readonly options?: SessionPropagatorOptions;
  } = {},
): Record<string, string> {
  return withSession('conv-42', () => {
    const span = tracing.tracer.startSpan('GET', { kind, attributes });
    const entries = Object.entries(baggage).map(([name, value]) => [name, { value }]);
    const from = trace.setSpan(context.active(), span);
    const carrier = {};
    new SessionPropagator({ send, ...options }).inject(
      entries.length === 0
        ? from
        : propagation.setBaggage(from, propagation.createBaggage(Object.fromEntries(entries))),
      carrier,
      defaultTextMapSetter,
    );
    span.end();
    return carrier;
  });
}

const received = (baggage: string, accept?: SessionPropagatorOptions['accept']): Context =>
  new SessionPropagator({ send, ...(accept && { accept }) }).extract(ROOT_CONTEXT, { baggage }, defaultTextMapGetter);

describe('what goes out', () => {
  test.each<[Attributes]>([
    [{ 'server.address': 'api.internal' }],
    [{ 'server.address': 'API.Internal' }],
    [{ 'server.address': 'api.internal', 'server.port': 8080 }],
    [{ 'server.address': 'a.example.com' }],
    [{ 'server.address': 'a.b.example.com' }],
    [{ 'server.address': 'localhost' }],
    [{ 'server.address': '::1' }],
    [{ 'net.peer.name': 'api.internal' }],
    [{ 'http.host': 'api.internal:8080' }],
    [{ 'http.host': '[::1]:8080' }],
    [{ 'url.full': 'https://api.internal:8443/path?host=evil.com' }],
    [{ 'http.url': 'http://[::1]:80/' }],
  ])('to %j, which is on the list, has the session', (attributes) => {
    expect(sent(attributes)).toMatchObject({
      baggage: 'session.id=conv-42',
      traceparent: expect.stringMatching(/^00-/),
    });
  });

  test.each<[Attributes]>([
    [{}],
    [{ 'server.address': '' }],
    [{ 'server.address': 'evil.com' }],
    [{ 'server.address': 'example.com' }],
    [{ 'server.address': 'notexample.com' }],
    [{ 'server.address': 'api.internal.evil.com' }],
    [{ 'server.address': 'evil.com', 'http.host': 'api.internal' }],
    [{ 'url.full': 'https://evil.com/api.internal' }],
    [{ 'url.full': 'https://api.internal@evil.com/' }],
    [{ 'url.full': 'api.internal/path' }],
    [{ 'peer.service': 'api.internal' }],
    [{ 'server.address': 7 }],
    [{ 'server.address': 'bücher example' }],
  ])('to %j, which is not, has the trace context only', (attributes) => {
    expect(Object.keys(sent(attributes))).toEqual(['traceparent']);
  });

  test.each([
    ['localhost:8080', 'localhost', 'evil.com'],
    ['[::1]', '::1', '::2'],
    ['[::1]:8080', '[::1]:9090', '::2'],
    ['api.internal', 'api.internal.', 'api.internal.evil.com.'],
    ['api.internal.', 'API.internal:8080', 'internal.'],
    ['*.internal.', 'api.internal.:8080', 'internal'],
    ['*.internal:8080', 'api.internal', 'notinternal'],
    ['bücher.example', 'xn--bcher-kva.example', 'xn--bucher-kva.example'],
    ['xn--bcher-kva.example', 'Bücher.example', 'bucher.example'],
    ['*.bücher.example:8080', 'api.xn--bcher-kva.example', 'xn--bcher-kva.example'],
    ['bücher.example', 'http://bücher.example:8080/', 'bücher.example.evil.com'],
    ['https://api.internal/', 'https://api.internal./path', 'https://evil.com/'],
  ])('by a list with %s goes to %s, and not to %s', (host, listed, other) => {
    const options = { send: [host] };
    const to = (address: string): Record<string, string> => sent({ 'server.address': address }, { options });
    expect(to(listed)).toHaveProperty('baggage', 'session.id=conv-42');
    expect(to(other)).not.toHaveProperty('baggage');
  });

  test('goes to a host that is named alone', () => {
    const options = JSON.parse(JSON.stringify({ send: 'api.internal' }));
    expect(sent({ 'server.address': 'api.internal' }, { options })).toHaveProperty('baggage', 'session.id=conv-42');
    expect(sent({ 'server.address': 'evil.com' }, { options })).not.toHaveProperty('baggage');
  });

  test('goes nowhere by entries of the list that are no host', () => {
    for (const host of ['', '.', '*', '*.']) {
      for (const address of ['.', 'evil.com', 'evil.com.']) {
        expect(sent({ 'server.address': address }, { options: { send: [host] } })).not.toHaveProperty('baggage');
      }
    }
  });

  test('has the session below a producer’s span as below a client’s', () => {
    expect(sent({ 'server.address': 'api.internal' }, { kind: SpanKind.PRODUCER })).toHaveProperty('baggage');
  });

  test.each([SpanKind.SERVER, SpanKind.INTERNAL, SpanKind.CONSUMER])(
    'below a span of kind %d, which says which host it is on, has no session',
    (kind) => {
      expect(sent({ 'server.address': 'api.internal' }, { kind })).not.toHaveProperty('baggage');
    },
  );

  test('below a client’s span that says nothing of itself has no session', () => {
    const span = Object.assign(trace.wrapSpanContext(INVALID_SPAN_CONTEXT), { kind: SpanKind.CLIENT });
    const carrier = {};
    withSession('conv-42', () =>
      new SessionPropagator({ send }).inject(trace.setSpan(context.active(), span), carrier, defaultTextMapSetter),
    );
    expect(carrier).toEqual({});
  });

  test('has no session without a list, and none where there is none', () => {
    expect(sent({ 'server.address': 'api.internal' }, { options: { send: [] } })).not.toHaveProperty('baggage');
    const carrier = {};
    const span = tracing.tracer.startSpan('GET', {
      kind: SpanKind.CLIENT,
      attributes: { 'server.address': 'localhost' },
    });
    new SessionPropagator({ send }).inject(trace.setSpan(ROOT_CONTEXT, span), carrier, defaultTextMapSetter);
    expect(carrier).not.toHaveProperty('baggage');
    new SessionPropagator().inject(ROOT_CONTEXT, carrier, defaultTextMapSetter);
  });

  test('keeps baggage of others, and takes ours out where it may not go', () => {
    const theirs = { tenant: 't 1', 'session.other': 'x' };
    expect(sent({ 'server.address': 'localhost' }, { baggage: theirs })['baggage']).toBe(
      'tenant=t%201,session.other=x,session.id=conv-42',
    );
    const withOurs = { ...theirs, 'session.id': 'conv-42' };
    expect(sent({ 'server.address': 'evil.com' }, { baggage: withOurs })['baggage']).toBe(
      'tenant=t%201,session.other=x',
    );
    const foreign = { 'session.id': 'somebody’s' };
    expect(decodeURIComponent(sent({ 'server.address': 'evil.com' }, { baggage: foreign })['baggage'] ?? '')).toBe(
      'session.id=somebody’s',
    );
    expect(sent({ 'server.address': 'localhost' }, { baggage: foreign })['baggage']).toBe('session.id=conv-42');
  });

  test('never has what else a session carries', () => {
    const carrier = {};
    const session = {
      sessionId: 'conv-42',
      userId: 'u-7',
      applicationName: 'shop',
      attributes: { 'tenant.id': 't-1' },
    };
    withSession(session, () => {
      const attributes = { 'server.address': 'localhost' };
      const span = tracing.tracer.startSpan('GET', { kind: SpanKind.CLIENT, attributes });
      new SessionPropagator({ send }).inject(trace.setSpan(context.active(), span), carrier, defaultTextMapSetter);
    });
    expect(carrier).toMatchObject({ baggage: 'session.id=conv-42' });
  });

  test('of an adapter’s own goes by the same list, and to a peer in any case', () => {
    propagation.disable();
    propagation.setGlobalPropagator(new SessionPropagator({ send }));
    withSession('conv-42', () => {
      expect(carrierFor(context.active(), { host: 'localhost' })).toEqual({ baggage: 'session.id=conv-42' });
      expect(carrierFor(context.active(), { host: 'evil.com' })).toEqual({});
      expect(carrierFor(context.active(), 'peer')).toEqual({ baggage: 'session.id=conv-42' });
    });
    expect(carrierFor(context.active(), 'peer')).toEqual({});
  });
});

describe('what comes in', () => {
  const inbound = 'tenant=t-1,session.id=conv-42';
  const sessionIn = (within: Context): unknown => context.with(within, () => currentSession());
  const passedOn = (within: Context, host: string): string | undefined => {
    const carrier: Record<string, string> = {};
    const span = tracing.tracer.startSpan('GET', { kind: SpanKind.CLIENT, attributes: { 'server.address': host } });
    new SessionPropagator({ send }).inject(trace.setSpan(within, span), carrier, defaultTextMapSetter);
    return carrier['baggage'];
  };

  test.each([
    undefined,
    'never' as const,
    () => false,
    (): boolean => Reflect.construct(Promise<boolean>, [() => {}]) as never,
    (): never => {
      throw new Error('mine');
    },
  ])('is not believed by default, nor where %s says so, and goes on to nobody', (accept) => {
    const within = received(inbound, accept);
    expect(sessionIn(within)).toBeUndefined();
    for (const host of ['localhost', 'evil.com']) expect(passedOn(within, host)).toBe('tenant=t-1');
  });

  test('is what came with the carrier: an entry that the program set itself stays as it is', () => {
    const theirs = propagation.createBaggage({ 'session.id': { value: 'theirs' } });
    const into = propagation.setBaggage(ROOT_CONTEXT, theirs);
    for (const accept of ['never', 'always'] as const) {
      const within = new SessionPropagator({ accept }).extract(into, {}, defaultTextMapGetter);
      expect(sessionIn(within)).toBeUndefined();
      expect(passedOn(within, 'evil.com')).toBe('session.id=theirs');
    }
  });

  test('is believed where that is said, of carriers for which it is said', () => {
    expect(sessionIn(received(inbound, 'always'))).toEqual({ id: 'conv-42', source: 'baggage' });
    const seen: unknown[] = [];
    expect(sessionIn(received(inbound, (carrier) => seen.push(carrier) > 0))).toMatchObject({ id: 'conv-42' });
    expect(seen).toEqual([{ baggage: inbound }]);
  });

  test('is not believed where the answer is a rejection, which is said', async () => {
    const reject = (): never => Promise.reject(new Error('mine')) as never;
    expect(sessionIn(received(inbound, reject))).toBeUndefined();
    await expect.poll(() => tracing.diagnostics).toEqual([expect.stringContaining('accept function threw')]);
  });

  test('once believed is ours: it goes on to hosts of the list only, what came beside it to all', () => {
    const within = received(inbound, 'always');
    expect(passedOn(within, 'localhost')).toBe('tenant=t-1,session.id=conv-42');
    expect(passedOn(within, 'evil.com')).toBe('tenant=t-1');
    context.with(within, () =>
      withSession('conv-43', () => {
        const carrier: Record<string, string> = {};
        new SessionPropagator({ send }).inject(context.active(), carrier, defaultTextMapSetter);
        expect(carrier['baggage']).toBe('tenant=t-1');
      }),
    );
  });

  test.each(['session.id=', 'session.id=%20', `session.id=${'x'.repeat(129)}`, 'session.id=a%00', 'tenant=t-1', ''])(
    'is nothing where it is %j',
    (baggage) => {
      expect(frameIn(received(baggage, 'always'))).toBeUndefined();
      expect(passedOn(received(baggage, 'always'), 'evil.com') ?? '').not.toContain('session.id');
    },
  );
});

test('works around a propagator of one’s own, and says its fields', () => {
  const written: unknown[] = [];
  const next = {
    inject: (from: Context) => void written.push(propagation.getBaggage(from)?.getAllEntries()),
    extract: (into: Context) =>
      propagation.setBaggage(into, propagation.createBaggage({ 'session.id': { value: 'conv-42' } })),
    fields: () => ['mine'],
  };
  const propagator = new SessionPropagator({ send, accept: 'always', next });
  expect(propagator.fields()).toEqual(['mine']);
  expect(new SessionPropagator().fields()).toEqual(['traceparent', 'tracestate', 'baggage']);
  const within = propagator.extract(ROOT_CONTEXT, {}, defaultTextMapGetter);
  const span = tracing.tracer.startSpan('GET', {
    kind: SpanKind.CLIENT,
    attributes: { 'server.address': 'localhost' },
  });
  propagator.inject(trace.setSpan(within, span), {}, defaultTextMapSetter);
  expect(written).toEqual([[['session.id', { value: 'conv-42' }]]]);
});

describe('options that are no good', () => {
  const make = (options: unknown): SessionPropagator => Reflect.construct(SessionPropagator, [options]);

  test.each([
    [{ accept: 'allways' }, 'accept: allways is none of never, always and a function: nothing is believed'],
    [{ send: ['*', 'localhost', '10.0.0.*'] }, 'send: *, 10.0.0.* is neither a host nor *. and a domain'],
  ])('are named in one line: %j', (options, line) => {
    make(options);
    expect(tracing.diagnostics).toEqual([expect.stringContaining(line)]);
  });

  test.each([null, undefined, {}, { send: 'localhost:80' }, { send: ['*.internal', '::1'], accept: 'never' }])(
    'are not these: %j',
    (options) => {
      make(options);
      expect(tracing.diagnostics).toEqual([]);
    },
  );
});
