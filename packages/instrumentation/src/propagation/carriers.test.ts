import { context, propagation, trace } from '@opentelemetry/api';
import { suppressTracing, W3CTraceContextPropagator } from '@opentelemetry/core';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { currentSession, withSession } from '../session/active-session.ts';
import { script } from '../testing/scripted.ts';
import { startTracing, type Tracing } from '../testing/tracing.ts';
import {
  goesOnFromEnvironment,
  carrierFor,
  carrierFromEnvironment,
  carrierFromHeaders,
  carrierFromMeta,
  environmentCarrier,
  withCarrier,
} from './carriers.ts';
import { SessionPropagator } from './session-propagator.ts';

const traceparent = '00-11111111111111111111111111111111-2222222222222222-01';
const baggage = 'session.id=conv-42';

let tracing: Tracing;
beforeEach(() => {
  tracing = startTracing();
});
afterEach(() => tracing[Symbol.dispose]());

describe('a carrier is read', () => {
  test('from the headers of fetch and of Node, whatever else there is', () => {
    const carrier = { traceparent, baggage };
    expect(carrierFromHeaders(new Headers({ ...carrier, accept: '*/*' }))).toEqual(carrier);
    expect(carrierFromHeaders({ ...carrier, accept: '*/*', 'set-cookie': ['a', 'b'] })).toEqual(carrier);
    for (const none of [{}, null, undefined]) expect(carrierFromHeaders(none)).toEqual({});
  });

  test('from headers of another class than the platform’s, as undici and servers that run everywhere have', () => {
    const given = new Headers({ traceparent, baggage });
    class OtherHeaders {
      get(name: string): string | null {
        return given.get(name);
      }
    }
    const headers = new OtherHeaders() as Headers;
    expect(carrierFromHeaders(headers)).toEqual({ traceparent, baggage });
    expect(carrierFromHeaders({ get: 'a header', traceparent })).toEqual({ traceparent });
  });

  test('by the names of the configured propagator, as headers and as variables write them', () => {
    propagation.disable();
    propagation.setGlobalPropagator({ inject: () => {}, extract: (into) => into, fields: () => ['X-Own-Id'] });
    for (const headers of [new Headers({ 'X-Own-Id': '7' }), { 'x-own-id': '7' }, { 'X-Own-Id': '7' }]) {
      expect(carrierFromHeaders(headers)).toEqual({ 'X-Own-Id': '7' });
    }
    expect(carrierFromEnvironment({ X_OWN_ID: '7' })).toEqual({ 'X-Own-Id': '7' });
  });

  test('from _meta, and from anything else that stands there: nothing', () => {
    expect(carrierFromMeta({ traceparent, tracestate: 'a=b', progressToken: 7 })).toEqual({
      traceparent,
      tracestate: 'a=b',
    });
    for (const meta of [undefined, null, 7, 'text', [], { traceparent: 7 }, { traceparent: '' }]) {
      expect(carrierFromMeta(meta)).toEqual({});
    }
  });

  test('from the environment', () => {
    expect(carrierFromEnvironment({ TRACEPARENT: traceparent, BAGGAGE: baggage, PATH: '/bin' })).toEqual({
      traceparent,
      baggage,
    });
  });
});

describe('work with a carrier', () => {
  test('is a child of the span in it, and in its session', () => {
    withCarrier({ traceparent, baggage }, () => {
      expect(currentSession()).toEqual({ id: 'conv-42', source: 'baggage' });
      tracing.tracer.startSpan('work').end();
    });
    expect(tracing.capture.spans).toMatchObject([
      { traceId: '1'.repeat(32), parentSpanId: '2'.repeat(16), attributes: { 'session.id': 'conv-42' } },
    ]);
    expect(currentSession()).toBeUndefined();
  });

  test.each(['never', 'always'] as const)('stays in the session that it is bound to here (accept: %s)', (accept) => {
    const stays = (): void =>
      withSession('here', () => withCarrier({ traceparent, baggage }, () => expect(currentSession()?.id).toBe('here')));
    stays();
    propagation.disable();
    propagation.setGlobalPropagator(new SessionPropagator({ accept }));
    stays();
  });

  test('is in its session also in the shadow of a run that is over, unless one was bound there', () => {
    const { tap, say } = script();
    const shadow = tap.run('r', [], () => {
      say({ type: 'run.start', run: 'r', session: 'own-1' }, { type: 'run.end', run: 'r', outcome: { kind: 'ok' } });
      return context.active();
    });
    context.with(shadow, () => {
      const idThere = (): unknown => withCarrier({ traceparent, baggage }, () => currentSession()?.id);
      expect(idThere()).toBe('conv-42');
      expect(withSession('here', idThere)).toBe('here');
    });
  });

  test('vouches for this carrier alone, where the propagator believes nobody', () => {
    propagation.disable();
    propagation.setGlobalPropagator(new SessionPropagator());
    withCarrier({ traceparent, baggage }, () => {
      expect(currentSession()).toEqual({ id: 'conv-42', source: 'baggage' });
      const inbound = propagation.extract(context.active(), { baggage: 'session.id=evil' });
      expect(context.with(inbound, () => currentSession()?.id)).toBe('conv-42');
      expect(propagation.getBaggage(inbound)?.getEntry('session.id')).toBeUndefined();
    });
  });

  test('binds nothing where the id is bad or there is none, and does the work', () => {
    for (const bad of ['', '%00', encodeURIComponent('x'.repeat(200))]) {
      expect(withCarrier({ traceparent, baggage: `session.id=${bad}` }, () => currentSession())).toBeUndefined();
    }
    expect(withCarrier({}, () => 'done')).toBe('done');
    withCarrier({ baggage: 'tenant=t-1' }, () => {
      expect(currentSession()).toBeUndefined();
      expect(propagation.getActiveBaggage()?.getEntry('tenant')?.value).toBe('t-1');
    });
  });

  test('leaves an entry that the program itself put into the baggage what it is', () => {
    const own = propagation.createBaggage({ 'session.id': { value: 'the program’s' } });
    context.with(propagation.setBaggage(context.active(), own), () =>
      withCarrier({ traceparent }, () => {
        expect(currentSession()).toBeUndefined();
        expect(propagation.getActiveBaggage()).toBe(own);
      }),
    );
  });

  test('does not send the id on to whoever it calls, but to a peer', () => {
    withCarrier({ traceparent, baggage: `${baggage},tenant=t-1` }, () => {
      const sent: Record<string, string> = {};
      propagation.inject(context.active(), sent);
      expect(sent).toEqual({ traceparent, baggage: 'tenant=t-1' });
      expect(carrierFor(context.active(), 'peer')).toEqual({ traceparent, baggage: 'tenant=t-1,session.id=conv-42' });
    });
  });
});

describe('where the propagator knows no baggage', () => {
  const both = (): readonly unknown[] => [
    carrierFor(context.active(), 'peer'),
    carrierFor(context.active(), { host: 'model.example' }),
  ];
  beforeEach(() => {
    propagation.disable();
    propagation.setGlobalPropagator(new W3CTraceContextPropagator());
  });

  test('a peer gets the session’s id all the same, and nothing else; a host does not', () => {
    const own = propagation.createBaggage({ tenant: { value: 't-1' } });
    context.with(propagation.setBaggage(context.active(), own), () => {
      expect(both()).toEqual([{}, {}]);
      expect(withSession('conv-42', both)).toEqual([{ baggage }, {}]);
      context.with(suppressTracing(context.active()), () => expect(withSession('conv-42', both)).toEqual([{}, {}]));
    });
  });

  test('a carrier’s session is read all the same, and the rest of its baggage is not', () => {
    withCarrier({ traceparent, baggage: `${baggage},tenant=t-1` }, () => {
      expect(currentSession()).toEqual({ id: 'conv-42', source: 'baggage' });
      expect(trace.getActiveSpan()?.spanContext().traceId).toBe('1'.repeat(32));
      expect(propagation.getActiveBaggage()).toBeUndefined();
    });
  });
});

describe('the environment of a child that serves this one conversation', () => {
  test('takes the place and the session along, and says that it is meant', () => {
    const environment = withSession('conv 42', () =>
      tracing.tracer.startActiveSpan('conversation', (span) => {
        span.end();
        return environmentCarrier();
      }),
    );
    expect(environment).toEqual({
      TRACEPARENT: `00-${tracing.capture.spans[0]?.traceId}-${tracing.capture.spans[0]?.spanId}-01`,
      BAGGAGE: 'session.id=conv%2042',
      TURNKEEPER_CONTEXT: 'environment',
    });
    expect(goesOnFromEnvironment(environment)).toBe(true);
    withCarrier(carrierFromEnvironment(environment), () => {
      expect(currentSession()?.id).toBe('conv 42');
      expect(trace.getActiveSpan()?.spanContext().isRemote).toBe(true);
    });
  });

  test('takes the session along without an SDK too', () => {
    tracing[Symbol.dispose]();
    const environment = withSession('conv 42', environmentCarrier);
    expect(environment).toEqual({ BAGGAGE: 'session.id=conv%2042', TURNKEEPER_CONTEXT: 'environment' });
    withCarrier(carrierFromEnvironment(environment), () => expect(currentSession()?.id).toBe('conv 42'));
  });

  test('is empty where there is nothing to take along; a stray TRACEPARENT is not accepted', () => {
    expect(environmentCarrier()).toEqual({});
    expect(goesOnFromEnvironment({ TRACEPARENT: traceparent })).toBe(false);
  });
});
