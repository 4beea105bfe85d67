import { AsyncLocalStorage } from 'node:async_hooks';
import {
  context,
  createContextKey,
  INVALID_SPAN_CONTEXT,
  ROOT_CONTEXT,
  trace,
  type Context,
  type Span,
} from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import '@turnkeeper/check/vitest';
import fc from 'fast-check';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { withCarrier } from '../propagation/carriers.ts';
import { inProcessContext } from '../sdk/process-context.ts';
import { script } from '../testing/scripted.ts';
import { startTracing, type Tracing, type TracingOptions } from '../testing/tracing.ts';
import { currentSession, frameIn, withFrame, withFrameAndSpan, withSession } from './active-session.ts';

let tracing: Tracing | undefined;
const start = (options?: TracingOptions): Tracing => (tracing = startTracing(options));
afterEach(() => tracing?.[Symbol.dispose]());

/** As a program without types might pass it. */
const untyped = (value: unknown): string => JSON.parse(JSON.stringify({ value: value ?? null })).value;

describe('the context of a session', () => {
  test('takes, gives and forgets values as the API’s own does, and stays what it was', () => {
    start();
    const keys = ['one', 'two', 'three'].map((name) => createContextKey(name));
    const key = fc.constantFrom(...keys);
    const step = fc.record({ key, value: fc.option(fc.nat()), nest: fc.boolean() });
    const valuesIn = (within: Context): unknown[] => keys.map((one) => within.getValue(one));
    fc.assert(
      fc.property(fc.array(step, { maxLength: 12 }), (steps) => {
        let plain = ROOT_CONTEXT;
        let ours = withSession('conv-1', () => context.active());
        for (const { key: one, value, nest } of steps) {
          const before = ours;
          const valuesBefore = valuesIn(before);
          plain = value === null ? plain.deleteValue(one) : plain.setValue(one, value);
          ours = value === null ? ours.deleteValue(one) : ours.setValue(one, value);
          if (nest) ours = context.with(ours, () => withSession('conv-2', () => context.active()));
          expect(valuesIn(ours)).toEqual(valuesIn(plain));
          expect(valuesIn(before)).toEqual(valuesBefore);
          expect(context.with(ours, () => currentSession()?.id)).toMatch(/^conv-/);
        }
      }),
    );
  });

  test('is found through a context that somebody else has put around it', () => {
    start();
    const within = withSession('conv-1', () => context.active());
    const around: Context = {
      getValue: (key) => within.getValue(key),
      setValue: (key, value) => within.setValue(key, value),
      deleteValue: (key) => within.deleteValue(key),
    };
    context.with(around, () => {
      expect(currentSession()?.id).toBe('conv-1');
      withSession('conv-2', () => expect(currentSession()?.id).toBe('conv-2'));
    });
  });

  test('shows a span that comes later in every context that was made of it before', () => {
    start();
    const [own, other] = ['1', '2'].map((digit) =>
      trace.wrapSpanContext({ traceId: digit.repeat(32), spanId: digit.repeat(16), traceFlags: 1 }),
    );
    const key = createContextKey('one');
    const within = withSession('conv-1', () => context.active());
    const frame = frameIn(within);
    if (!own || !other || !frame) throw new Error('no frame');
    const begun: Span[] = [];
    const pending = withFrameAndSpan(within, frame, () => begun[0]);
    const made = [
      pending,
      pending.setValue(key, 1),
      pending.setValue(key, 1).setValue(createContextKey('two'), 2),
      pending.deleteValue(key),
      pending.setValue(key, 1).deleteValue(key),
      withFrame(pending, { ...frame }),
      withFrame(pending.setValue(key, 1), { ...frame }),
    ];
    const spansIn = (): unknown[] => made.map((one) => trace.getSpan(one));
    expect(spansIn()).toEqual(made.map(() => undefined));
    begun.push(own);
    expect(spansIn()).toEqual(made.map(() => own));
    expect(made.map((one) => trace.getSpan(trace.setSpan(one, other)))).toEqual(made.map(() => other));
    expect(made.map((one) => trace.getSpan(trace.deleteSpan(one)))).toEqual(made.map(() => undefined));
    expect(made.map((one) => one.getValue(key))).toEqual([undefined, 1, 1, undefined, undefined, undefined, 1]);
    // The same key as that of the frame: equal descriptions make equal keys.
    const unframed = made.map((one) => one.deleteValue(createContextKey('turnkeeper.frame')));
    expect(unframed.map((one) => [frameIn(one), trace.getSpan(one)])).toEqual(made.map(() => [undefined, own]));
  });
});

describe('withSession', () => {
  test('binds the session for everything that the work starts, and nothing beside it', async () => {
    start();
    await withSession('conv-42', async () => {
      await Promise.resolve();
      expect(currentSession()).toEqual({ id: 'conv-42', source: 'context' });
      withSession('conv-43', () => expect(currentSession()?.id).toBe('conv-43'));
      expect(currentSession()?.id).toBe('conv-42');
    });
    expect(currentSession()).toBeUndefined();
  });

  test('returns what the work returns and throws what it throws', async () => {
    start();
    expect(withSession('conv-42', () => 1)).toBe(1);
    await expect(withSession('conv-42', () => Promise.reject(new RangeError('mine')))).rejects.toThrow(RangeError);
    expect(() =>
      withSession('conv-42', () => {
        throw new RangeError('mine');
      }),
    ).toThrow(RangeError);
  });

  test.each([undefined, null, '', '  '])('binds nothing for the blank id %j, without a word', (blank) => {
    const { diagnostics } = start();
    withSession(untyped(blank), () => expect(currentSession()).toBeUndefined());
    expect(diagnostics).toEqual([]);
  });

  test.each([
    [42, 'it is of type number'],
    [' a', 'begins or ends with white space'],
    ['a\u0000b', 'cannot be printed'],
    ['x'.repeat(129), 'longer than 128'],
  ])('binds nothing for the bad id %j, with one warning, and keeps the session around it', (bad, problem) => {
    const { diagnostics } = start();
    withSession('conv-42', () => withSession(untyped(bad), () => expect(currentSession()?.id).toBe('conv-42')));
    expect(diagnostics).toEqual([expect.stringContaining(problem)]);
  });

  test('takes an id verbatim: 128 characters, quotes, emoji and all', () => {
    start();
    for (const id of ['x'.repeat(128), `"'\\<script>`, '👩‍👩‍👧 family', '__proto__', 'größer']) {
      withSession(id, () => expect(currentSession()?.id).toBe(id));
    }
  });

  test('stamps the span that is active when it is entered, but none that is in a session already', () => {
    const { tracer, capture } = start();
    tracer.startActiveSpan('server', (server) => {
      withSession('conv-42', () => {
        tracer.startActiveSpan('inner', (inner) => {
          withSession('conv-43', () => tracer.startSpan('innermost').end());
          inner.end();
        });
      });
      server.end();
    });
    expect(capture.tree()).toMatchInlineSnapshot(`
      "server [session conv-42]
        inner
          innermost [session conv-43]"
    `);
    expect(capture.spans.map(({ attributes }) => attributes['session.id'])).toEqual(['conv-42', 'conv-42', 'conv-43']);
  });
});

describe('a span that is active where a session is bound', () => {
  const details = { userId: 'u-7', attributes: { 'tenant.id': 't-1' } };

  test('carries the first of several, and nothing of the others', () => {
    const { tracer, capture } = start();
    tracer.startActiveSpan('POST', (server) => {
      withSession('conv-42', () => {});
      withSession({ sessionId: 'conv-43', ...details }, () => tracer.startSpan('inside').end());
      server.end();
    });
    expect(capture.spans.map(({ name, attributes }) => [name, attributes])).toEqual([
      ['POST', { 'session.id': 'conv-42' }],
      ['inside', { 'session.id': 'conv-43', 'user.id': 'u-7', 'tenant.id': 't-1' }],
    ]);
  });

  test('is left alone where it is in a session already, though the context is not', () => {
    const { tracer, capture } = start();
    const span = withSession('conv-42', () => tracer.startSpan('job'));
    context.with(trace.setSpan(ROOT_CONTEXT, span), () => withSession({ sessionId: 'conv-43', ...details }, () => {}));
    span.end();
    expect(capture.spans.map(({ attributes }) => attributes)).toEqual([{ 'session.id': 'conv-42' }]);
  });

  test('does not take what it starts outside into the session', () => {
    const { tracer, capture } = start();
    tracer.startActiveSpan('POST', (server) => {
      withSession('conv-42', () => {});
      tracer.startSpan('audit').end();
      server.end();
    });
    expect(capture.spans.map(({ name, attributes }) => [name, attributes['session.id']])).toEqual([
      ['POST', 'conv-42'],
      ['audit', undefined],
    ]);
  });

  test('binds the session also where it is frozen', () => {
    start();
    const frozen = Object.freeze(
      Object.assign(trace.wrapSpanContext(INVALID_SPAN_CONTEXT), { isRecording: () => true }),
    );
    context.with(trace.setSpan(ROOT_CONTEXT, frozen), () =>
      withSession('conv-42', () => expect(currentSession()?.id).toBe('conv-42')),
    );
  });
});

describe('without a context manager', () => {
  test('the platform’s id still wins, and our own spans are right', async () => {
    const { capture, tracer } = start({ withContextManager: false });
    const { tap, say } = script();
    await withSession('conv-42', async () => {
      await Promise.resolve();
      expect(currentSession()?.id).toBe('conv-42');
      await tap.run('r', [], async () => {
        say(
          { type: 'run.start', run: 'r', session: 'own-1' },
          { type: 'tool.start', run: 'r', call: 't', tool: 'look' },
        );
        await Promise.resolve();
        expect(tap.here()).toBe('r');
        tap.inside({ run: 'r', call: 't' }, () => tracer.startSpan('SELECT').end());
        tap.outside(() => expect(currentSession()).toBeUndefined());
        say({ type: 'run.end', run: 'r', outcome: { kind: 'ok' } });
      });
    });
    expect(currentSession()).toBeUndefined();
    // In any order: two clocks may be a millisecond apart.
    const sessions = Object.fromEntries(capture.spans.map(({ name, attributes }) => [name, attributes['session.id']]));
    expect(sessions).toEqual({
      'invoke_agent scripted': 'conv-42',
      'execute_tool look': 'conv-42',
      SELECT: 'conv-42',
    });
  });

  test('the span that a carrier brings is still the parent of our own', async () => {
    const { capture, diagnostics } = start({ withContextManager: false });
    const { say } = script();
    await withCarrier({ traceparent: `00-${'1'.repeat(32)}-${'2'.repeat(16)}-01` }, async () => {
      await Promise.resolve();
      say({ type: 'run.start', run: 'r' }, { type: 'run.end', run: 'r', outcome: { kind: 'ok' } });
    });
    expect(capture.spans).toMatchObject([{ traceId: '1'.repeat(32), parentSpanId: '2'.repeat(16) }]);
    expect(diagnostics).toEqual([expect.stringContaining('no context manager is registered')]);
  });
});

test('outside every run is where the environment says, in a process that goes on there, without a warning', () => {
  const { diagnostics } = start({ withContextManager: false });
  context.setGlobalContextManager(inProcessContext(new AsyncLocalStorageContextManager()));
  vi.stubEnv('BAGGAGE', 'session.id=conv-42');
  const { tap } = script();
  const outside = withSession('conv-43', () => tap.outside(() => currentSession()?.id));
  vi.unstubAllEnvs();
  expect(outside).toBe('conv-42');
  expect(diagnostics).toEqual([]);
});

describe('the session’s span processor', () => {
  test('stamps spans that are started with a parent and nothing else', () => {
    const { tracer, capture } = start();
    const { tap, say } = script();
    tap.run('r', [], () => {
      say({ type: 'run.start', run: 'r', session: 'own-1' });
      const parent = tracer.startSpan('parent');
      const detached = trace.setSpan(ROOT_CONTEXT, parent);
      context.with(ROOT_CONTEXT, () => tracer.startSpan('child', {}, detached).end());
      parent.end();
      say({ type: 'run.end', run: 'r', outcome: { kind: 'ok' } });
    });
    expect(capture).toStampEverySpan();
    expect(capture.spans).toHaveLength(3);
  });

  test('tells a run below such a span its session, unless the span was started in the shadow of another', () => {
    const { tracer } = start();
    const { tap, say, observation } = script();
    const run = <T>(id: string, work?: () => T): T | undefined =>
      tap.run(id, [], () => {
        say({ type: 'run.start', run: id, session: `own-${id}` });
        const result = work?.();
        say({ type: 'run.end', run: id, outcome: { kind: 'ok' } });
        return result;
      });
    const parent = withSession('conv-42', () => tracer.startSpan('parent'));
    context.with(trace.setSpan(ROOT_CONTEXT, parent), () => run('1'));
    const shadow = run('2', () => context.active()) ?? ROOT_CONTEXT;
    context.with(shadow, () => tracer.startActiveSpan('job', { root: true }, () => run('3')));
    expect(observation.runs().map(({ session }) => session.id)).toEqual(['conv-42', 'own-2', 'own-3']);
  });

  test('leaves spans alone that are in no session', () => {
    const { tracer, capture } = start();
    tracer.startSpan('alone').end();
    withSession('conv-42', () =>
      context.with(ROOT_CONTEXT, () => tracer.startSpan('elsewhere', {}, ROOT_CONTEXT).end()),
    );
    expect(capture.spans.map(({ attributes }) => attributes)).toEqual([{}, {}]);
  });

  test('stamps an open span of anybody’s when a late id comes', () => {
    const { tracer, capture } = start();
    const { tap, say } = script();
    tap.run('r', [], () => {
      say({ type: 'run.start', run: 'r' });
      const open = tracer.startSpan('SELECT');
      say({ type: 'session.bind', run: 'r', id: 'late-1' });
      open.end();
      say({ type: 'run.end', run: 'r', outcome: { kind: 'ok' } });
    });
    expect(capture).toStampEverySpan();
  });
});

test('an AsyncLocalStorage of the user’s goes through withSession untouched', () => {
  start();
  const storage = new AsyncLocalStorage<string>();
  storage.run('mine', () => withSession('conv-42', () => expect(storage.getStore()).toBe('mine')));
});

// The last one: what it leaves to collect makes the clocks of others' spans differ.
test('the context of a session does not grow where a loop in a run sets two values in turn', () => {
  start();
  const { tap, say } = script();
  const keys = [createContextKey('job'), createContextKey('attempt')] as const;
  tap.run('r', [], () => {
    say({ type: 'run.start', run: 'r', session: 'own-1' });
    let within = context.active();
    for (let round = 0; round < 20_000; round++) within = within.setValue(keys[0], round).setValue(keys[1], -round);
    expect(keys.map((key) => within.getValue(key))).toEqual([19_999, -19_999]);
    expect(within.getValue(createContextKey('a third'))).toBeUndefined();
    expect(context.with(within, () => currentSession()?.id)).toBe('own-1');
    say({ type: 'run.end', run: 'r', outcome: { kind: 'ok' } });
  });
});
