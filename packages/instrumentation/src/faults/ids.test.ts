/** Ids, baggage and values as an enemy would send them. */
import {
  defaultTextMapGetter,
  defaultTextMapSetter,
  propagation,
  ROOT_CONTEXT,
  SpanKind,
  trace,
} from '@opentelemetry/api';
import '@turnkeeper/check/vitest';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { SessionPropagator } from '../propagation/session-propagator.ts';
import { activeContext, currentSession, runInContext, withSession } from '../session/active-session.ts';
import { readEnvelope, withEnvelope } from '../session/envelope.ts';
import { attachSession, SessionContext } from '../session/session-context.ts';
import { attachScripted } from '../testing/attached.ts';
import { script } from '../testing/scripted.ts';
import { startTracing, type Tracing } from '../testing/tracing.ts';
import { traceService } from '../trace-service.ts';

let tracing: Tracing;
beforeEach(() => {
  tracing = startTracing();
});
afterEach(() => {
  delete process.env['TURNKEEPER_SESSION_ID'];
  tracing[Symbol.dispose]();
});

const ok = { kind: 'ok' } as const;

const GOOD = [
  `"'\`;DROP TABLE sessions;--`,
  '👩‍👩‍👧 семья 家族',
  '__proto__',
  'constructor',
  'toString',
  '<script>alert(1)</script>',
  '${jndi:ldap://x}',
  'a,b;c=d%20%zz',
  '../../etc/passwd',
  'null',
  '-1',
];
const BAD = [
  'two\nlines',
  'nul\u0000',
  '\u001b[31mred',
  'zero\u200Bwidth',
  '\u202Ereversed',
  'half \uD83D',
  'x'.repeat(1_000_000),
  ' '.repeat(200_000) + 'x',
  7,
  {},
  [],
  Number.NaN,
  Symbol('id'),
  () => 'id',
  { toString: () => 'id' },
];

/** One run in which nobody but the engine or the given place names the session. Gives the id that its spans carry. */
function runIdOf(owner: object = {}, engineSession?: unknown, explicit?: unknown): unknown {
  const { tap, say } = script({ session: explicit as string });
  tap.run('r', [owner], () => {
    say({ type: 'run.start', run: 'r', session: engineSession as string }, { type: 'run.end', run: 'r', outcome: ok });
  });
  expect(tracing.capture.spans).toHaveLength(1);
  expect(tracing.capture).toPassChecks({ except: ['every-span-stamped', 'id-not-minted'] });
  return tracing.capture.spans[0]!.attributes['session.id'];
}

const extract = (id: string): ReturnType<typeof activeContext> =>
  new SessionPropagator({ accept: 'always' }).extract(
    ROOT_CONTEXT,
    { baggage: `session.id=${encodeURIComponent(id)}` },
    defaultTextMapGetter,
  );

/** Every place an id can come from. */
const SOURCES: readonly [string, (id: unknown) => unknown][] = [
  ['an option', (id) => runIdOf({}, undefined, id)],
  ['withSession', (id) => withSession(id as string, () => runIdOf())],
  ['a request’s envelope', (id) => withEnvelope({ session_id: id }, () => runIdOf())],
  ['the engine', (id) => runIdOf({}, id)],
];
const TEXT_SOURCES: readonly [string, (id: string) => unknown][] = [
  ['baggage', (id) => runInContext(extract(id), () => runIdOf())],
  [
    'the environment',
    (id) => {
      process.env['TURNKEEPER_SESSION_ID'] = id;
      return runIdOf();
    },
  ],
];

describe.each(SOURCES)('an id of %s', (_name, idFrom) => {
  test.each(GOOD)('is taken verbatim: %s', (id) => {
    expect(idFrom(id)).toBe(id);
  });

  test.each(BAD)('that is no good is passed over: %j', (id) => {
    expect(idFrom(id)).toBeUndefined();
    // Whatever is said of it does not say it: it may be a megabyte, or a secret.
    for (const line of tracing.diagnostics) expect(line.length).toBeLessThan(300);
  });
});

describe.each(TEXT_SOURCES)('an id of %s', (_name, idFrom) => {
  test.each(GOOD)('is taken verbatim: %s', (id) => {
    expect(idFrom(id)).toBe(id);
  });

  test.each(BAD.filter((id) => typeof id === 'string' && id.isWellFormed() && !id.includes('\0')) as string[])(
    'that is no good is passed over: %j',
    (id) => {
      expect(idFrom(id)).toBeUndefined();
    },
  );
});

test.each(GOOD)('an attached id is taken verbatim: %s', (id) => {
  expect(runIdOf(attachSession({}, new SessionContext({ sessionId: id })))).toBe(id);
});

test('the session that an engine says it continues is held to the same', () => {
  const { tap, say } = attachScripted();
  for (const [index, previousSession] of ['conv-1', 'x'.repeat(1_000_000), 7 as never].entries()) {
    tap.run(`r-${index}`, [], () => say({ type: 'run.start', run: `r-${index}`, session: 'conv-2', previousSession }));
    say({ type: 'run.end', run: `r-${index}`, outcome: ok });
  }
  expect(tracing.capture.spans.map(({ attributes }) => attributes['session.previous_id'])).toEqual([
    'conv-1',
    undefined,
    undefined,
  ]);
});

describe('hostile baggage', () => {
  const propagator = new SessionPropagator({ accept: 'always', send: ['localhost'] });
  test.each([
    '__proto__=x,constructor=y,session.id=conv-1',
    `session.id=conv-1,${'a=b,'.repeat(1_000)}`,
    ',,,;;;===,session.id=conv-1,%zz=%zz,=,a=%',
    'session.id=conv-1;property=%00;;;=;session.id=evil',
    'session.id = conv-1 ',
  ])('is read as far as it can be: %s', (baggage) => {
    const extracted = propagator.extract(ROOT_CONTEXT, { baggage }, defaultTextMapGetter);
    expect(runInContext(extracted, () => currentSession()?.id)).toBe('conv-1');
    expect(Object.prototype).not.toHaveProperty('x');
  });

  test.each([
    'session.id=',
    'session.id=%00',
    'session.id=%E0%A4%A',
    `session.id=${'x'.repeat(4_000)}`,
    `session.id=conv-1,${'x'.repeat(10_000)}=1`,
    'x'.repeat(1_000_000),
    '\u0000',
    '',
  ])('names nobody: %#', (baggage) => {
    const extracted = propagator.extract(ROOT_CONTEXT, { baggage }, defaultTextMapGetter);
    expect(runInContext(extracted, () => currentSession())).toBeUndefined();
  });

  test.each([[undefined], [null], ['text'], [7], [{ baggage: 7 }], [{ baggage: ['session.id=a', 'session.id=b'] }]])(
    'in a carrier that is none does not throw: %j',
    (carrier) => {
      const getter = { keys: () => [], get: (from: unknown, name: string) => (from as Record<string, string>)?.[name] };
      expect(() => propagator.extract(ROOT_CONTEXT, carrier, getter)).not.toThrow();
    },
  );

  // What takes a second look at each of so many takes longer than a test may.
  const blank = ' '.repeat(200_000);
  test.each([`a${blank}b`, `a=b${blank};\nc`, `,${blank},a`])('of white space is looked at once: %#', (baggage) => {
    const extracted = propagator.extract(ROOT_CONTEXT, { baggage }, defaultTextMapGetter);
    expect(runInContext(extracted, () => currentSession())).toBeUndefined();
  });

  test('of the program’s own that cannot be written leaves the rest of the headers', () => {
    const baggage = propagation.createBaggage({
      'half \uD83D': { value: 'x' },
      half: { value: '\uD83D' },
      whole: { value: 'y' },
    });
    const headers: Record<string, string> = {};
    withSession('conv-42', () => {
      const span = tracing.tracer.startSpan('GET', {
        kind: SpanKind.CLIENT,
        attributes: { 'server.address': 'localhost' },
      });
      const within = propagation.setBaggage(activeContext(), baggage);
      propagator.inject(trace.setSpan(within, span), headers, defaultTextMapSetter);
    });
    expect(headers['baggage']).toBe('whole=y,session.id=conv-42');
    expect(headers['traceparent']).toBeDefined();
  });
});

describe('content', () => {
  const ring: Record<string, unknown> = {};
  ring['ring'] = ring;
  const trap = (): never => {
    throw new Error('trapped');
  };
  test.each<[string, unknown]>([
    ['a ring', ring],
    ['a getter that throws', Object.defineProperty({}, 'x', { get: trap, enumerable: true })],
    ['a toJSON that throws', { toJSON: trap }],
    ['a proxy that throws at everything', new Proxy({}, { get: trap, ownKeys: trap, getPrototypeOf: trap })],
    ['a number too big for JSON', { x: 1n }],
    ['a symbol', Symbol('x')],
    ['a function', trap],
  ])('that is %s is left out, and the run is as it was', (_name, value) => {
    const { tap, say } = attachScripted({ content: 'all' });
    tap.run('r', [], () => {
      say({ type: 'run.start', run: 'r', session: 'own-1', input: () => value });
      say({ type: 'tool.start', run: 'r', call: 't', tool: 'look', input: trap });
      say({ type: 'tool.end', run: 'r', call: 't', outcome: ok, output: () => value });
      say({ type: 'run.end', run: 'r', outcome: ok, output: () => value });
    });
    expect(tracing.capture.tree()).toBe('invoke_agent scripted [session own-1] run.start\n  execute_tool look');
    const names = tracing.capture.spans.flatMap(({ attributes }) => Object.keys(attributes));
    expect(names.filter((name) => /messages|arguments|result/.test(name))).toEqual([]);
  });

  test('of a hundred megabytes is cut', () => {
    const { tap, say } = attachScripted({ content: 'all' });
    tap.run('r', [], () => {
      say({ type: 'run.start', run: 'r', session: 'own-1', input: () => 'x'.repeat(100_000_000) });
      say({ type: 'run.end', run: 'r', outcome: ok });
    });
    expect(String(tracing.capture.spans[0]!.attributes['gen_ai.input.messages'])).toHaveLength(16_384);
  });
});

describe('an object that throws when it is looked at', () => {
  const trap = (): never => {
    throw new Error('trapped');
  };
  const hostile = new Proxy(
    {},
    { get: trap, has: trap, getPrototypeOf: trap, getOwnPropertyDescriptor: trap, ownKeys: trap },
  );

  test('is as good as no session: withSession and withEnvelope run the work', () => {
    expect(withSession(hostile as never, () => currentSession())).toBeUndefined();
    expect(withSession({ sessionId: 'conv-1', attributes: hostile }, () => currentSession()?.id)).toBe('conv-1');
    expect(withEnvelope(hostile, (rest) => rest === hostile)).toBe(true);
    expect(readEnvelope(hostile).sessionId).toBeUndefined();
  });

  test('and owns a run does not cost the run', () => {
    expect(runIdOf(hostile, 'own-1')).toBe('own-1');
  });

  test('and is an argument of a traced service is passed on', () => {
    const serve = traceService((given: object) => given, { name: 'service', content: 'all' });
    expect(serve(hostile)).toBe(hostile);
    expect(tracing.capture.tree()).toBe('invoke_agent service [no session] run.start');
  });
});
