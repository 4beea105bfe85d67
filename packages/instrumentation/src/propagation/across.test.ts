import { once } from 'node:events';
import { createRequire } from 'node:module';
import type * as Http from 'node:http';
import { Worker } from 'node:worker_threads';
import { context, propagation, trace } from '@opentelemetry/api';
import { HttpInstrumentation } from '@opentelemetry/instrumentation-http';
import { UndiciInstrumentation } from '@opentelemetry/instrumentation-undici';
import '@turnkeeper/check/vitest';
import { afterAll, afterEach, beforeEach, describe, expect, test } from 'vitest';
import { currentSession, withSession } from '../session/active-session.ts';
import { script } from '../testing/scripted.ts';
import { startTracing, type Tracing } from '../testing/tracing.ts';
import { carrierFor } from './carriers.ts';
import { SessionPropagator, type SessionPropagatorOptions } from './session-propagator.ts';

const ok = { kind: 'ok' } as const;
let things: DisposableStack;
let tracing: Tracing;
beforeEach(() => {
  things = new DisposableStack();
  tracing = things.use(startTracing());
});
afterEach(() => things.dispose());

/** One for all tests: a module is patched when it is first required. */
const httpInstrumentation = new HttpInstrumentation();
beforeEach(() => httpInstrumentation.setTracerProvider(tracing.provider));
afterAll(() => httpInstrumentation.disable());

function useUndici(): void {
  const instrumentation = things.adopt(new UndiciInstrumentation(), (one) => one.disable());
  instrumentation.setTracerProvider(tracing.provider);
  instrumentation.enable();
}

/** What the hook has patched: a namespace that was imported before keeps the old functions. */
const http = (): typeof Http => createRequire(import.meta.url)('node:http');

interface Served {
  readonly port: number;
  readonly headers: Http.IncomingHttpHeaders[];
  readonly sessions: unknown[];
}

/** A service in which each request is a run of an agent. */
async function serve(options: SessionPropagatorOptions): Promise<Served> {
  propagation.disable();
  propagation.setGlobalPropagator(new SessionPropagator(options));
  const { tap, say } = script();
  const served: Served = { port: 0, headers: [], sessions: [] };
  let runs = 0;
  const listener: Http.RequestListener = (request, response) => {
    const run = `r${runs++}`;
    served.headers.push(request.headers);
    tap.run(run, [], () => {
      say({ type: 'run.start', run });
      served.sessions.push(currentSession());
      tracing.tracer.startSpan('SELECT').end();
      say({ type: 'run.end', run, outcome: ok });
    });
    response.end('done');
  };
  const server = things.adopt(http().createServer(listener).listen(0, '127.0.0.1'), (one) => {
    one.close();
    one.closeAllConnections();
  });
  await once(server, 'listening');
  const address = server.address();
  return { ...served, port: typeof address === 'object' && address ? address.port : 0 };
}

/** Asks by `node:http` or by undici's `fetch`, inside a run of the session `conv-42`. */
async function ask(by: 'http' | 'undici', url: string): Promise<void> {
  const { tap, say } = script();
  await withSession('conv-42', () =>
    tap.run('caller', [], async () => {
      say({ type: 'run.start', run: 'caller', agent: 'caller' });
      if (by === 'undici') await (await fetch(url)).text();
      else {
        const [response] = await once(http().get(url), 'response');
        response.resume();
        await once(response, 'end');
      }
      say({ type: 'run.end', run: 'caller', outcome: ok });
    }),
  );
}

describe.each(['http', 'undici'] as const)('over HTTP, asked by %s', (by) => {
  beforeEach(() => {
    if (by === 'undici') useUndici();
  });

  test('a session goes to a host on the list, and is believed by a service that is told to', async () => {
    const accept = (carrier: unknown): boolean => typeof carrier === 'object' && carrier !== null && 'host' in carrier;
    const { port, headers, sessions } = await serve({ send: ['127.0.0.1'], accept });
    await ask(by, `http://127.0.0.1:${port}/`);
    expect(headers[0]).toMatchObject({ baggage: 'session.id=conv-42', traceparent: expect.stringMatching(/^00-/) });
    expect(sessions).toEqual([{ id: 'conv-42', source: 'baggage' }]);
    await expect.poll(() => tracing.capture.spans.length).toBe(5);
    expect(tracing.capture.tree()).toMatchInlineSnapshot(`
      "invoke_agent caller [session conv-42] run.start
        GET
          GET
            invoke_agent scripted run.start -> previous turn
              SELECT"
    `);
    expect(tracing.capture).toStampEverySpan();
    expect(tracing.capture).toKeepSessionsApart();
    const run = tracing.capture.index.runs.find(({ root }) => root.name === 'invoke_agent scripted');
    expect(run?.root.attributes['turnkeeper.session.source']).toBe('baggage');
  });

  test('a host that is not on the list gets the trace context and nothing of the session', async () => {
    const { port, headers, sessions } = await serve({ send: ['api.internal'], accept: 'always' });
    await ask(by, `http://127.0.0.1:${port}/`);
    expect(headers[0]).toHaveProperty('traceparent');
    expect(headers[0]).not.toHaveProperty('baggage');
    expect(sessions).toEqual([undefined]);
  });

  test('a service that is told nothing believes nobody, and is in the same trace all the same', async () => {
    const { port, headers, sessions } = await serve({ send: ['127.0.0.1'] });
    await ask(by, `http://127.0.0.1:${port}/`);
    expect(headers[0]).toHaveProperty('baggage', 'session.id=conv-42');
    expect(sessions).toEqual([undefined]);
    await expect.poll(() => new Set(tracing.capture.spans.map(({ traceId }) => traceId)).size).toBe(1);
  });

  test('baggage of others goes along untouched, to everybody', async () => {
    const { port, headers } = await serve({ send: ['api.internal'] });
    const theirs = propagation.createBaggage({ tenant: { value: 't 1,2' }, 'session.id': { value: 'theirs' } });
    await context.with(propagation.setBaggage(context.active(), theirs), () => ask(by, `http://127.0.0.1:${port}/`));
    expect(headers[0]?.['baggage']).toBe('tenant=t%201%2C2,session.id=theirs');
  });

  test('conversations at the same time keep their ids', async () => {
    const { port, sessions } = await serve({ send: ['127.0.0.1'], accept: 'always' });
    const ids = Array.from({ length: 20 }, (_, index) => `conv-${index}`);
    await Promise.all(
      ids.map((id) =>
        withSession(id, async () => {
          if (by === 'undici') return await (await fetch(`http://127.0.0.1:${port}/${id}`)).text();
          const [response] = await once(http().get(`http://127.0.0.1:${port}/${id}`), 'response');
          return response.resume();
        }),
      ),
    );
    expect(sessions).toHaveLength(20);
    expect(new Set(sessions.map((session) => Reflect.get(session as object, 'id')))).toEqual(new Set(ids));
  });
});

describe('into a worker thread', () => {
  const work = async (workerData: unknown): Promise<unknown> => {
    const worker = new Worker(new URL('../testing/worker.ts', import.meta.url), { workerData });
    const [answer] = await once(worker, 'message');
    await worker.terminate();
    return answer;
  };

  test('that serves this conversation, the session goes along with the trace', async () => {
    propagation.disable();
    propagation.setGlobalPropagator(new SessionPropagator());
    const caller = tracing.tracer.startSpan('caller');
    const carrier = withSession('conv-42', () => carrierFor(trace.setSpan(context.active(), caller), 'peer'));
    const { traceId, spanId } = caller.spanContext();
    expect(carrier).toMatchObject({ baggage: 'session.id=conv-42' });
    expect(await work({ carrier, accept: 'always' })).toEqual({
      session: { id: 'conv-42', source: 'baggage' },
      spans: [
        { name: 'invoke_agent scripted', traceId, parentSpanId: spanId, session: 'conv-42', source: 'baggage' },
        { name: 'SELECT', traceId, parentSpanId: expect.any(String), session: 'conv-42' },
      ],
    });
    expect(await work({ carrier, accept: 'never' })).toMatchObject({
      spans: [{ session: 'own-1' }, { session: 'own-1' }],
    });
  });
});
