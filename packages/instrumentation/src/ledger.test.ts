import { metrics, trace } from '@opentelemetry/api';
import '@turnkeeper/check/vitest';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { Ledger } from './ledger.ts';
import { withSession } from './session/active-session.ts';
import { script } from './testing/scripted.ts';
import { startTracing, type Tracing } from './testing/tracing.ts';

const ok = { kind: 'ok' } as const;
let tracing: Tracing;
beforeEach(() => {
  tracing = startTracing();
});
afterEach(() => {
  vi.unstubAllEnvs();
  tracing[Symbol.dispose]();
});

/** One turn of a session, on an observation of its own. */
function turn(session: string | undefined): void {
  const { say } = script();
  say({ type: 'run.start', run: 'r', session }, { type: 'run.end', run: 'r', outcome: ok });
}

describe('the ledger', () => {
  test('links each turn to the one before, over the observations of it, other sessions between them', () => {
    for (const session of ['a', 'b', 'a', 'b', 'a']) turn(session);
    const links = tracing.capture.index.runs.map(({ root }) => root.links.map(({ spanId }) => spanId));
    const ids = tracing.capture.index.runs.map(({ root }) => root.spanId);
    expect(links).toEqual([[], [], [ids[0]], [ids[1]], [ids[2]]]);
    expect(tracing.capture).toPassChecks();
  });

  test('remembers the last turns of the last 10,000 sessions, and lets those go that were unused for longest', () => {
    const ledger = Ledger.of(tracing.provider);
    const span = { traceId: 'a'.repeat(32), spanId: 'b'.repeat(16), traceFlags: 1 };
    for (let session = 0; session < 10_000; session++) ledger.enterTurn(`conv-${session}`, span);
    for (let session = 0; session < 10_000; session++) {
      expect(ledger.enterTurn(`conv-${session}`, span)).toEqual({ number: 2, previous: { number: 1, span } });
    }
    for (let session = 0; session < 10_000; session++) {
      ledger.enterTurn('conv-0', span);
      ledger.enterTurn(`other-${session}`, span);
    }
    for (let session = 0; session < 10_000; session++) ledger.enterTurn(`more-${session}`, span);
    expect(ledger.enterTurn('conv-0', span).number).toBe(10_003);
    expect(ledger.enterTurn('conv-1', span)).toEqual({ number: 1, previous: undefined });
  });

  test('tells the last 10,000 sessions apart from new ones, and warns once of each of 1,000 things', () => {
    const ledger = new Ledger();
    for (let session = 0; session < 20_000; session++) expect(ledger.isFirstOf(`conv-${session}`)).toBe(true);
    expect([ledger.isFirstOf('conv-10000'), ledger.isFirstOf('conv-0')]).toEqual([false, true]);
    for (let turns = 0; turns < 2; turns++) {
      for (let warning = 0; warning < 1_100; warning++) ledger.warnOnce(`${warning}`);
    }
    expect(tracing.diagnostics).toHaveLength(1_000);
  });

  test('is one for everything that writes to the same provider, behind the API’s proxy too', () => {
    expect(Ledger.of(trace.getTracerProvider())).toBe(Ledger.of(tracing.provider));
    expect(Ledger.of(metrics.getMeterProvider())).not.toBe(Ledger.of(tracing.provider));
  });
});

describe('TURNKEEPER_SESSION_ID', () => {
  const sources = (): unknown[] =>
    tracing.capture.index.runs.map(({ session, root }) => [session, root.attributes['turnkeeper.session.source']]);

  test('is behind everything said in code, and before what the engine says', () => {
    vi.stubEnv('TURNKEEPER_SESSION_ID', 'job-7');
    turn('own-1');
    withSession('conv-42', () => {
      const { tap, say } = script();
      tap.run('r', [], () => say({ type: 'run.start', run: 'r' }, { type: 'run.end', run: 'r', outcome: ok }));
    });
    expect(sources()).toEqual([
      ['job-7', 'environment'],
      ['conv-42', 'context'],
    ]);
    expect(tracing.capture).toPassChecks();
  });

  test.each([
    ['', []],
    ['  ', []],
    ['x'.repeat(129), [expect.stringContaining('TURNKEEPER_SESSION_ID is ignored: it is longer')]],
  ])('with the value %j is passed over', (value, warnings) => {
    vi.stubEnv('TURNKEEPER_SESSION_ID', value);
    turn('own-1');
    turn('own-1');
    expect(sources()).toEqual([
      ['own-1', 'engine'],
      ['own-1', 'engine'],
    ]);
    expect(tracing.diagnostics).toEqual(warnings);
  });
});

test('without a context manager, one line in the diagnostic log says so, however much happens', () => {
  tracing[Symbol.dispose]();
  tracing = startTracing({ withContextManager: false });
  for (let session = 0; session < 3; session++) {
    withSession(`conv-${session}`, () => {
      const { tap, say } = script();
      tap.run('r', [], () => say({ type: 'run.start', run: 'r' }, { type: 'run.end', run: 'r', outcome: ok }));
    });
  }
  expect(tracing.capture.index.runs.map(({ session }) => session)).toEqual(['conv-0', 'conv-1', 'conv-2']);
  expect(tracing.diagnostics).toEqual([expect.stringContaining('no context manager is registered')]);
});
