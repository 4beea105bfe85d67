/** Too much of everything, and clocks that lie: nothing stays open, no table grows. */
import { AsyncLocalStorage } from 'node:async_hooks';
import { promisify } from 'node:util';
import { BasicTracerProvider } from '@opentelemetry/sdk-trace-base';
import '@turnkeeper/check/vitest';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { Clock } from '../clock.ts';
import { activeContext, frameIn, withSession } from '../session/active-session.ts';
import { Session } from '../session/session.ts';
import { attachScripted } from '../testing/attached.ts';
import { collectGarbage } from '../testing/garbage.ts';
import { script, scriptedAdapter } from '../testing/scripted.ts';
import { startTracing, type Tracing } from '../testing/tracing.ts';

let tracing: Tracing;
beforeEach(() => {
  tracing = startTracing();
});
afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
  tracing[Symbol.dispose]();
});

const ok = { kind: 'ok' } as const;

describe('10,000 runs at once', () => {
  const many = Array.from({ length: 10_000 }, (_, index) => index);

  test('keep their own sessions, and leave nothing behind', async () => {
    const { tap, say, size } = attachScripted();
    let open = 0;
    let everybody = (): void => {};
    const together = new Promise<void>((resolve) => (everybody = resolve));
    await Promise.all(
      many.map((index) =>
        withSession(`conv-${index % 5_000}`, () =>
          tap.run(`r-${index}`, [], async () => {
            say({ type: 'run.start', run: `r-${index}`, session: `own-${index}` });
            open += 1;
            if (open === many.length) everybody();
            await together;
            tracing.tracer.startSpan('SELECT').end();
            say({ type: 'run.end', run: `r-${index}`, outcome: ok });
          }),
        ),
      ),
    );
    expect(size()).toBe(0);
    const { spans, index } = tracing.capture;
    expect(spans).toHaveLength(20_000);
    expect(index.sessions.size).toBe(5_000);
    expect(tracing.capture).toKeepSessionsApart();
    expect(tracing.capture).toStampEverySpan();
  });

  test('that never end are closed once they are silent for too long', () => {
    vi.useFakeTimers();
    const { say, size } = attachScripted({ idleTimeoutMillis: 1_000 });
    for (const index of many) say({ type: 'run.start', run: `r-${index}`, session: `own-${index}` });
    expect(size()).toBe(10_000);
    vi.advanceTimersByTime(2_000);
    expect(size()).toBe(0);
    expect(tracing.capture.spans.filter(({ attributes }) => attributes['error.type'] === 'abandoned')).toHaveLength(
      10_000,
    );
    expect(vi.getTimerCount()).toBe(0);
  });

  test('whose caller nobody names are bounded, and start without it', () => {
    vi.useFakeTimers();
    const { say, size } = attachScripted();
    for (const index of many) say({ type: 'run.start', run: `r-${index}`, session: 'own-1', caller: `c-${index}` });
    // Beyond a thousand, the oldest waits no longer.
    expect(size()).toBe(9_000);
    expect(vi.getTimerCount()).toBeLessThan(1_100);
    vi.advanceTimersByTime(11_000);
    expect(size()).toBe(10_000);
  });
});

test('calls that show no work, runs of another adapter, and timers that have rung are not kept', async () => {
  const { tap, say, size } = attachScripted();
  expect(tap.run('r', [], () => size())).toBe(1);
  expect(size()).toBe(0);
  const outer = script({}, scriptedAdapter('outer'));
  outer.tap.run('o', [], () => {
    outer.say({ type: 'run.start', run: 'o', session: 'own-1' });
    say({ type: 'run.start', run: 'again', session: 'own-1' });
    expect(size()).toBe(0);
    outer.say({ type: 'run.end', run: 'o', outcome: ok });
  });
  const later = (): WeakRef<object> => {
    const native = { events: [] };
    tap.later(1, native);
    return new WeakRef(native);
  };
  const native = later();
  await expect.poll(() => (collectGarbage(), native.deref() === undefined)).toBe(true);
});

test('20,000 runs, one after another, leave neither runs nor timers', async () => {
  vi.useFakeTimers();
  const { tap, say, size } = attachScripted({ tracerProvider: new BasicTracerProvider() });
  for (let index = 0; index < 20_000; index += 1) {
    const run = `r-${index}`;
    tap.run(run, [], () => say({ type: 'run.start', run }, { type: 'run.end', run, outcome: ok }));
  }
  expect(size()).toBe(0);
  expect(vi.getTimerCount()).toBe(1);
  vi.advanceTimersByTime(10_000);
  expect(vi.getTimerCount()).toBe(0);
});

test('100,000 sessions, each inside the one before, are no deeper than two', () => {
  let session: Session | undefined;
  for (let index = 0; index < 100_000; index += 1) {
    session = new Session({ parent: session });
    session.bind(`conv-${index}`, 'context');
    expect(session.isSettled).toBe(true);
  }
  expect([session?.id, session?.parentId]).toEqual(['conv-99999', 'conv-99998']);
});

test('1,000 turns, each begun in a tool of the one before and over once the next has begun, keep none but the last', () => {
  const { tap, say } = attachScripted();
  const last = 1_000;
  let depth = 0;
  const begin = (index: number): void => {
    const run = `r-${index}`;
    tap.run(run, [], () => {
      say({ type: 'run.start', run }, { type: 'tool.start', run, call: 't', tool: 'go on' });
      tap.inside({ run, call: 't' }, () => {
        if (index < last) waiting.push(AsyncLocalStorage.bind(() => begin(index + 1)));
        for (let frame = frameIn(activeContext()); frame?.run; frame = frameIn(frame.run.origin.base)) depth += 1;
      });
    });
    depth = index === last ? depth : 0;
    if (index > 0) say({ type: 'run.end', run: `r-${index - 1}`, outcome: ok });
  };
  const waiting = [(): void => withSession('conv-42', () => begin(0))];
  for (let next = waiting.pop(); next; next = waiting.pop()) next();
  // The last one, the one around it, and the one around that, which is over.
  expect(depth).toBe(3);
  expect(tracing.capture.spans).toHaveLength(last * 2);
});

test('a run whose engine nobody has any more is closed too, once it is silent for too long', async () => {
  const turnOfTheLoop = promisify(setImmediate);
  vi.useFakeTimers();
  (() => attachScripted({ idleTimeoutMillis: 1_000 }).say({ type: 'run.start', run: 'r', session: 'own-1' }))();
  // What a weak reference was made to stays until the turn of the loop is over.
  await turnOfTheLoop();
  collectGarbage();
  vi.advanceTimersByTime(2_000);
  expect(tracing.capture.spans[0]?.attributes['error.type']).toBe('abandoned');
});

test('calls that are begun and never ended are bounded: the oldest is closed as unfinished', () => {
  const { say } = attachScripted();
  say({ type: 'run.start', run: 'r', session: 'own-1' });
  for (let index = 0; index < 10_100; index += 1) {
    say({ type: 'tool.start', run: 'r', call: `t-${index}`, tool: 'look' });
  }
  expect(tracing.capture.spans).toHaveLength(100);
  expect(tracing.capture.spans[0]!.attributes['error.type']).toBe('unfinished');
  say({ type: 'run.end', run: 'r', outcome: ok });
  expect(tracing.capture.spans).toHaveLength(10_101);
});

describe('a clock', () => {
  test('that goes back an hour in the middle of a run makes no span end before it begins', async () => {
    const { tap, say } = attachScripted();
    const now = Date.now.bind(Date);
    await tap.run('r', [], async () => {
      say(
        { type: 'run.start', run: 'r', session: 'own-1' },
        { type: 'model.start', run: 'r', call: 'm', model: 'gpt' },
      );
      vi.spyOn(Date, 'now').mockImplementation(() => now() - 3_600_000);
      say(
        { type: 'model.end', run: 'r', call: 'm', outcome: ok },
        { type: 'tool.start', run: 'r', call: 't', tool: 'x' },
      );
      say({ type: 'tool.end', run: 'r', call: 't', outcome: ok }, { type: 'run.end', run: 'r', outcome: ok });
    });
    expect(tracing.capture).toPassChecks();
    for (const { start, end } of tracing.capture.spans) expect(end - start).toBeGreaterThanOrEqual(0n);
    expect(tracing.capture.tree()).toBe(
      'invoke_agent scripted [session own-1] run.start\n  chat gpt\n  execute_tool x',
    );
  });

  test('that goes back between two runs is followed from then on', () => {
    const { tap, say } = attachScripted();
    const now = Date.now.bind(Date);
    const turn = (run: string): void =>
      tap.run(run, [], () => say({ type: 'run.start', run, session: 'own-1' }, { type: 'run.end', run, outcome: ok }));
    turn('one');
    vi.spyOn(Date, 'now').mockImplementation(() => now() - 3_600_000);
    turn('two');
    const [one, two] = tracing.capture.spans.toSorted((a, b) => a.order - b.order);
    expect(Number(one!.start - two!.start) / 1e9).toBeCloseTo(3_600, -1);
  });

  test.each([1, 2])('that is read across %d pauses of the process is right all the same', (pauses) => {
    const now = Date.now.bind(Date);
    let left = pauses;
    vi.spyOn(Date, 'now').mockImplementation(() => {
      const read = now();
      const resume = performance.now() + (left > 0 ? 20 : 0);
      left -= 1;
      while (performance.now() < resume);
      return read;
    });
    const clock = new Clock();
    // The process may pause between any two readings of ours as well.
    const expectRight = (): void => {
      const [before, read, after] = [now(), clock.now(), now()];
      expect(read).toBeGreaterThan(before - 3);
      expect(read).toBeLessThan(after + 3);
    };
    expectRight();
    left = pauses;
    clock.anchor();
    expectRight();
  });

  test.each([Number.NaN, Number.POSITIVE_INFINITY, -1, 0])('of an engine’s that says %d makes no odd span', (at) => {
    const { tap, say } = attachScripted();
    tap.run('r', [], () => {
      say(
        { type: 'run.start', run: 'r', session: 'own-1', at },
        { type: 'tool.start', run: 'r', call: 't', tool: 'x' },
      );
      say({ type: 'tool.end', run: 'r', call: 't', outcome: ok, at }, { type: 'run.end', run: 'r', outcome: ok, at });
    });
    expect(tracing.capture.spans).toHaveLength(2);
    for (const { start, end } of tracing.capture.spans) expect(end - start).toBeGreaterThanOrEqual(0n);
    expect(tracing.diagnostics).toEqual([]);
  });
});
