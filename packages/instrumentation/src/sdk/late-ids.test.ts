import { hrTimeToMilliseconds } from '@opentelemetry/core';
import { context, trace, type Span } from '@opentelemetry/api';
import { BasicTracerProvider } from '@opentelemetry/sdk-trace-base';
import fc from 'fast-check';
import '@turnkeeper/check/vitest';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { activeContext, frameIn } from '../session/active-session.ts';
import { collectGarbage } from '../testing/garbage.ts';
import { watchLeaving, type Leaving } from '../testing/leaving.ts';
import { script } from '../testing/scripted.ts';
import { startTracing, type Tracing } from '../testing/tracing.ts';
import { SessionSpanProcessor } from './session-span-processor.ts';

const ok = { kind: 'ok' } as const;
let tracing: Tracing | undefined;
afterEach(() => {
  vi.useRealTimers();
  tracing?.[Symbol.dispose]();
});

interface World {
  readonly leaving: Leaving;
  readonly world: Tracing;
}

function start(): World {
  tracing?.[Symbol.dispose]();
  const leaving = watchLeaving();
  tracing = startTracing({ withSessionProcessor: false, processors: [leaving.processor] });
  return { leaving, world: tracing };
}

const fakeTimers = (): void => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });

describe('a span of anybody’s that ends before the id of its session is known', () => {
  test('leaves with the id when it comes, behind those that ended before it', () => {
    const { leaving, world } = start();
    const { tap, say } = script();
    tap.run('r', [], () => {
      say({ type: 'run.start', run: 'r' }, { type: 'tool.start', run: 'r', call: 't', tool: 'look' });
      world.tracer.startSpan('one').end();
      say({ type: 'tool.end', run: 'r', call: 't', outcome: ok });
      world.tracer.startSpan('two').end();
      expect(leaving.names()).toEqual([]);
      say({ type: 'session.bind', run: 'r', id: 'late-1' });
      expect(leaving.sessions()).toEqual(['one late-1', 'execute_tool look late-1', 'two late-1']);
      say({ type: 'run.end', run: 'r', outcome: ok });
    });
    expect(leaving.sessions()).toContain('invoke_agent scripted late-1');
    expect(world.diagnostics).toEqual([]);
  });

  test('leaves without an id when the run ends without one, after the deadline too, and is never lost', async () => {
    fakeTimers();
    const { leaving, world } = start();
    const { tap, say } = script({ lateDeadlineMillis: 50 });
    tap.run('r', [], () => {
      say({ type: 'run.start', run: 'r' });
      world.tracer.startSpan('one').end();
    });
    await vi.advanceTimersByTimeAsync(49);
    expect(leaving.names()).toEqual([]);
    await vi.advanceTimersByTimeAsync(1);
    expect(leaving.sessions()).toEqual(['one -']);
    say({ type: 'run.end', run: 'r', outcome: ok });
    expect(leaving.sessions()).toEqual(['one -', 'invoke_agent scripted -']);
  });

  test('leaves without an id, also a made-up one, when its call showed no work', () => {
    const { leaving, world } = start();
    const { tap } = script({ fallback: 'generate' });
    tap.run('r', [], () => world.tracer.startSpan('one').end());
    expect(leaving.sessions()).toEqual(['one -']);
  });

  test.each([Number.POSITIVE_INFINITY, 2 ** 31, 2 ** 40])(
    'waits as long as a timer can where it may wait for %d milliseconds',
    async (lateDeadlineMillis) => {
      fakeTimers();
      const { leaving, world } = start();
      const { tap, say } = script({ lateDeadlineMillis });
      tap.run('r', [], () => {
        say({ type: 'run.start', run: 'r' });
        world.tracer.startSpan('one').end();
      });
      await vi.advanceTimersByTimeAsync(60_000);
      expect(leaving.names()).toEqual([]);
      say({ type: 'session.bind', run: 'r', id: 'late-1' }, { type: 'run.end', run: 'r', outcome: ok });
      expect(leaving.sessions()).toEqual(['one late-1', 'invoke_agent scripted late-1']);
    },
  );

  test('waits for 5 seconds and beside 511 others where nothing else is said', async () => {
    fakeTimers();
    const { leaving, world } = start();
    const { tap, say } = script();
    tap.run('r', [], () => {
      say({ type: 'run.start', run: 'r' });
      for (let span = 0; span < 512; span++) world.tracer.startSpan(`${span}`).end();
      expect(leaving.names()).toEqual([]);
      world.tracer.startSpan('512').end();
      expect(leaving.sessions()).toEqual(['0 -']);
    });
    await vi.advanceTimersByTimeAsync(4_999);
    expect(leaving.names()).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(1);
    expect(leaving.names()).toEqual(Array.from({ length: 513 }, (_, span) => `${span}`));
  });

  test('past the limit lets the oldest go, our own spans in their turn', () => {
    const { leaving, world } = start();
    const { tap, say } = script({ lateLimit: 2 });
    tap.run('r', [], () => {
      say({ type: 'run.start', run: 'r' });
      for (const call of ['a', 'b', 'c']) {
        say({ type: 'tool.start', run: 'r', call, tool: call }, { type: 'tool.end', run: 'r', call, outcome: ok });
        world.tracer.startSpan(`db ${call}`).end();
      }
      say({ type: 'session.bind', run: 'r', id: 'late-1' }, { type: 'run.end', run: 'r', outcome: ok });
    });
    expect(leaving.sessions()).toEqual([
      'execute_tool a -',
      'db a -',
      'execute_tool b -',
      'db b -',
      'execute_tool c late-1',
      'db c late-1',
      'invoke_agent scripted late-1',
    ]);
  });

  test('does not wait at all where the limit says so', () => {
    const { leaving, world } = start();
    const { tap, say } = script({ lateLimit: 0 });
    tap.run('r', [], () => {
      say({ type: 'run.start', run: 'r' });
      world.tracer.startSpan('one').end();
      expect(leaving.sessions()).toEqual(['one -']);
      say({ type: 'session.bind', run: 'r', id: 'late-1' });
      world.tracer.startSpan('two').end();
    });
    expect(leaving.sessions()).toEqual(['one -', 'two late-1']);
  });

  test.each(['forceFlush', 'shutdown'] as const)(
    'leaves at %s, as do our own; the id may still come for others',
    async (drain) => {
      const { leaving, world } = start();
      const { tap, say } = script();
      await tap.run('r', [], async () => {
        say({ type: 'run.start', run: 'r' }, { type: 'tool.start', run: 'r', call: 't', tool: 'look' });
        say({ type: 'tool.end', run: 'r', call: 't', outcome: ok });
        await leaving.processor[drain]();
        expect(leaving.sessions()).toEqual(['execute_tool look -']);
        world.tracer.startSpan('one').end();
        expect(leaving.names()).toHaveLength(1);
        say({ type: 'session.bind', run: 'r', id: 'late-1' }, { type: 'run.end', run: 'r', outcome: ok });
      });
      expect(leaving.sessions()).toEqual(['execute_tool look -', 'one late-1', 'invoke_agent scripted late-1']);
      const root = leaving.spans.at(-1);
      expect(root?.events.map(({ name, attributes }) => [name, attributes?.['session.id']])).toEqual([
        ['run.start', 'late-1'],
      ]);
    },
  );

  test('keeps no other back where the processor behind it throws', () => {
    const { leaving, world } = start();
    const { tap, say } = script();
    leaving.failOnce(new Error('exporter'));
    tap.run('r', [], () => {
      say({ type: 'run.start', run: 'r' });
      for (const name of ['one', 'two', 'three']) world.tracer.startSpan(name).end();
      say({ type: 'session.bind', run: 'r', id: 'late-1' });
    });
    expect(leaving.sessions()).toEqual(['two late-1', 'three late-1']);
    expect(world.diagnostics).toEqual([expect.stringContaining('could not be passed on Error: exporter')]);
  });

  test('holds no process alive', () => {
    const { world } = start();
    const { tap, say } = script();
    const before = process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length;
    tap.run('r', [], () => {
      say({ type: 'run.start', run: 'r' });
      world.tracer.startSpan('one').end();
    });
    expect(process.getActiveResourcesInfo().filter((name) => name === 'Timeout')).toHaveLength(before);
  });
});

describe('a nested run', () => {
  test('that ends before the session around it is known says run.start with the id, before its own end', () => {
    const { leaving } = start();
    const outer = script();
    const inner = script();
    outer.say({ type: 'run.start', run: 'o' }, { type: 'tool.start', run: 'o', call: 't', tool: 'delegate' });
    outer.tap.inside({ run: 'o', call: 't' }, () =>
      inner.tap.run('i', [], () =>
        inner.say({ type: 'run.start', run: 'i', session: 'own-2' }, { type: 'run.end', run: 'i', outcome: ok }),
      ),
    );
    outer.say(
      { type: 'session.bind', run: 'o', id: 'late-1' },
      { type: 'tool.end', run: 'o', call: 't', outcome: ok },
      { type: 'run.end', run: 'o', outcome: ok },
    );
    expect(leaving.sessions()).toEqual([
      'invoke_agent scripted late-1',
      'execute_tool delegate late-1',
      'invoke_agent scripted late-1',
    ]);
    const said = leaving.spans.flatMap(({ events }) => events.map(({ attributes }) => attributes?.['session.id']));
    expect(said).toEqual(['late-1', 'late-1']);
  });
});

type Step =
  | { readonly kind: 'start' | 'end'; readonly run: number; readonly span: number; readonly own: boolean }
  | { readonly kind: 'bind' | 'finish'; readonly run: number }
  | { readonly kind: 'flush' };

const RUNS = 2;
const LIMIT = 4;
const run = fc.nat({ max: RUNS - 1 });
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constantFrom('start' as const, 'end' as const),
      run,
      span: fc.nat({ max: 5 }),
      own: fc.boolean(),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constantFrom('bind' as const, 'finish' as const), run }) },
  { weight: 1, arbitrary: fc.constant({ kind: 'flush' as const }) },
);

/** What must come out of one session: a queue on paper. */
class Expected {
  readonly id: string;
  readonly left: string[] = [];
  readonly ends = new Map<string, number>();
  #held: string[] = [];
  #phase: 'waiting' | 'known' | 'none' = 'waiting';

  constructor(id: string) {
    this.id = id;
  }

  end(name: string, at: number): void {
    this.ends.set(name, at);
    this.#held.push(name);
    if (this.#phase !== 'waiting') this.flush();
    else if (this.#held.length > LIMIT) this.#leave(1);
  }

  settle(phase: 'known' | 'none'): void {
    if (this.#phase !== 'waiting') return;
    this.#phase = phase;
    this.flush();
  }

  flush(): void {
    this.#leave(this.#held.length);
  }

  #leave(count: number): void {
    for (const name of this.#held.splice(0, count))
      this.left.push(`${name} ${this.#phase === 'known' ? this.id : '-'}`);
  }
}

test('in any order of start, bind, end and flush, each span leaves once, in order, with the right id and its own end', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 80, size: 'max' }), async (steps) => {
      const { leaving, world } = start();
      const { tap, say } = script({ lateLimit: LIMIT });
      const expected = Array.from({ length: RUNS }, (_, index) => new Expected(`conv-${index}`));
      const open = Array.from({ length: RUNS }, () => new Map<string, Span | 'own'>());
      const finished = new Set<number>();
      let made = 0;
      let now = Date.now();
      for (let index = 0; index < RUNS; index++) say({ type: 'run.start', run: `r${index}`, at: now });

      const finish = (index: number): void => {
        if (finished.has(index)) return;
        finished.add(index);
        const at = (now += 1);
        expected[index]?.settle('none');
        const own = [...open[index]!].filter(([, span]) => span === 'own').map(([name]) => name);
        for (const name of own.toReversed()) {
          expected[index]?.end(name, at);
          open[index]?.delete(name);
        }
        expected[index]?.end(`r${index}`, at);
        say({ type: 'run.end', run: `r${index}`, outcome: ok, at });
      };
      const end = (index: number, name: string, span: Span | 'own'): void => {
        const at = (now += 1);
        open[index]?.delete(name);
        expected[index]?.end(name, at);
        if (span === 'own') say({ type: 'tool.end', run: `r${index}`, call: name, outcome: ok, at });
        else span.end(at);
      };

      for (const one of steps) {
        now += 1;
        if (one.kind === 'flush') {
          await leaving.processor.forceFlush();
          for (const session of expected) session.flush();
        } else if (one.kind === 'bind') {
          if (!finished.has(one.run)) expected[one.run]?.settle('known');
          say({ type: 'session.bind', run: `r${one.run}`, id: `conv-${one.run}` });
        } else if (one.kind === 'finish') finish(one.run);
        else if (one.kind === 'end') {
          const all = [...open[one.run]!];
          const [name, span] = all[one.span % all.length] ?? [];
          if (name !== undefined && span !== undefined) end(one.run, name, span);
        } else if (one.kind === 'start' && !finished.has(one.run)) {
          const name = `s${made++} of r${one.run}`;
          if (one.own) say({ type: 'tool.start', run: `r${one.run}`, call: name, tool: name, at: now });
          else
            tap.inside({ run: `r${one.run}` }, () =>
              open[one.run]?.set(name, world.tracer.startSpan(name, { startTime: now })),
            );
          if (one.own) open[one.run]?.set(name, 'own');
        }
      }
      for (let index = 0; index < RUNS; index++) {
        finish(index);
        for (const [name, span] of open[index]!) end(index, name, span);
      }

      const sessionOf = (name: string): number => Number(/r(\d)/.exec(name)?.[1] ?? /* a root */ -1);
      const left = leaving.spans.map((span) => {
        const name = span.name.replace('execute_tool ', '');
        return { name, id: span.attributes['session.id'] ?? '-', end: hrTimeToMilliseconds(span.endTime), span };
      });
      expect(left).toHaveLength(made + RUNS);
      const calls = left.filter(({ name }) => !name.startsWith('invoke_agent'));
      for (const [index, session] of expected.entries()) {
        const mine = calls.filter(({ name }) => sessionOf(name) === index);
        expect(mine.map(({ name, id }) => `${name} ${String(id)}`)).toEqual(
          session.left.filter((name) => !/^r\d /.test(name)),
        );
        for (const { name, end: at } of mine) expect(at).toBeCloseTo(session.ends.get(name) ?? -1, 3);
        // A span never carries another session's id.
        for (const { id } of mine) expect([session.id, '-']).toContain(id);
      }
      const roots = left.filter(({ name }) => name.startsWith('invoke_agent'));
      expect(roots.map(({ id }) => String(id)).toSorted()).toEqual(
        expected.map(({ left: all }) => all.find((name) => /^r\d /.test(name))?.split(' ')[1] ?? '').toSorted(),
      );
      for (const { span } of roots) expect(span.events.filter(({ name }) => name === 'run.start')).toHaveLength(1);
      expect(world.diagnostics).toEqual([]);
    }),
    { numRuns: 150 },
  );
});

test('a session whose id came late is kept by nobody once it is over', async () => {
  const provider = new BasicTracerProvider({ spanProcessors: [new SessionSpanProcessor()] });
  const converse = (): WeakRef<object> => {
    const { tap, say, observation } = script({ tracerProvider: provider });
    const session = tap.run('r', [], () => {
      say({ type: 'run.start', run: 'r' });
      return new WeakRef(frameIn(activeContext())!.session);
    });
    say({ type: 'session.bind', run: 'r', id: 'late-1' }, { type: 'run.end', run: 'r', outcome: ok });
    observation.stop();
    return session;
  };
  const session = converse();
  await expect.poll(() => (collectGarbage(), session.deref() === undefined)).toBe(true);
  await provider.shutdown();
});

test('a span that is open when the id comes is stamped at once, and only once it is over passed on', () => {
  const { leaving, world } = start();
  const { tap, say } = script();
  tap.run('r', [], () => {
    say({ type: 'run.start', run: 'r' });
    const open = world.tracer.startSpan('open');
    const child = context.with(trace.setSpan(context.active(), open), () => world.tracer.startSpan('child'));
    say({ type: 'session.bind', run: 'r', id: 'late-1' });
    expect(open).toMatchObject({ attributes: { 'session.id': 'late-1' } });
    expect(leaving.names()).toEqual([]);
    child.end();
    open.end();
    expect(leaving.sessions()).toEqual(['child late-1', 'open late-1']);
  });
});
