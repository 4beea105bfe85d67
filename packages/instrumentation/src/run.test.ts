import { AsyncLocalStorage } from 'node:async_hooks';
import { EventEmitter, on } from 'node:events';
import { setImmediate } from 'node:timers/promises';
import { context, createContextKey, propagation, trace } from '@opentelemetry/api';
import '@turnkeeper/check/vitest';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { withSession } from './session/active-session.ts';
import { script, scriptedAdapter } from './testing/scripted.ts';
import { startTracing, type Tracing } from './testing/tracing.ts';

let tracing: Tracing;
beforeEach(() => {
  tracing = startTracing();
});
afterEach(() => {
  vi.useRealTimers();
  tracing[Symbol.dispose]();
});

const tree = (): string => tracing.capture.tree();
const ok = { kind: 'ok' } as const;

describe('a run', () => {
  test('is made by its first evidence of work, back-dated to the call', async () => {
    const { tap, say } = script();
    await tap.run('r', [], async () => {
      await new Promise((resolve) => setTimeout(resolve, 30));
      say({ type: 'run.start', run: 'r', session: 'own-1' });
      say({ type: 'run.end', run: 'r', outcome: ok });
    });
    const [root] = tracing.capture.spans;
    expect(Number(root!.end - root!.start) / 1e6).toBeGreaterThanOrEqual(29);
  });

  test('that shows no work leaves nothing, and work in it belongs to the caller', async () => {
    const { tap } = script();
    await tracing.tracer.startActiveSpan('caller', async (caller) => {
      await tap.run('r', [], async () => {
        expect(trace.getActiveSpan()?.spanContext()).toEqual(caller.spanContext());
        tracing.tracer.startSpan('SELECT').end();
      });
      caller.end();
    });
    expect(tree()).toMatchInlineSnapshot(`
      "caller
        SELECT"
    `);
  });

  test('once begun is the parent of what its call does, though the call’s context is older than the span', async () => {
    const { tap, say } = script();
    await tap.run('r', [], async () => {
      say({ type: 'run.start', run: 'r', session: 'own-1' });
      await Promise.resolve();
      expect(trace.getActiveSpan()?.isRecording()).toBe(true);
      trace.getActiveSpan()?.setAttribute('mine', 1);
      tracing.tracer.startSpan('SELECT').end();
      say({ type: 'run.end', run: 'r', outcome: ok });
    });
    expect(tree()).toMatchInlineSnapshot(`
      "invoke_agent scripted [session own-1] run.start
        SELECT"
    `);
    expect(tracing.capture.spans[0]?.attributes['mine']).toBe(1);
  });

  test('closes what it left open when it ends, and remembers nothing afterwards', () => {
    const { say } = script();
    say(
      { type: 'run.start', run: 'r', session: 'own-1' },
      { type: 'agent.start', run: 'r', call: 'a', agent: 'inner' },
      { type: 'model.start', run: 'r', call: 'm', within: 'a', model: 'test-model' },
      { type: 'tool.start', run: 'r', call: 't', within: 'a', tool: 'look' },
      { type: 'run.end', run: 'r', outcome: ok },
      { type: 'tool.end', run: 'r', call: 't', outcome: ok },
      { type: 'tool.start', run: 'r', call: 'late', tool: 'late' },
    );
    expect(tree()).toMatchInlineSnapshot(`
      "invoke_agent scripted [session own-1] run.start
        invoke_agent inner (error unfinished)
          chat test-model (error unfinished)
          execute_tool look (error unfinished)"
    `);
    expect(tracing.capture).toPassChecks();
  });

  test('drops second starts, ends without a start, and signals of runs that it does not know, or that have not begun', () => {
    const { say, tap } = script();
    tap.run('pending', [], () =>
      say(
        { type: 'tool.start', run: 'pending', call: 't', tool: 'look' },
        { type: 'tool.end', run: 'pending', call: 't', outcome: ok },
      ),
    );
    say(
      { type: 'tool.end', run: 'nobody', call: 't', outcome: ok },
      { type: 'run.end', run: 'nobody', outcome: ok },
      { type: 'run.start', run: 'r', session: 'own-1' },
      { type: 'run.start', run: 'r', session: 'own-2' },
      { type: 'tool.end', run: 'r', call: 'none', outcome: ok },
      { type: 'tool.start', run: 'r', call: 't', tool: 'look' },
      { type: 'tool.start', run: 'r', call: 't', tool: 'second' },
      { type: 'tool.end', run: 'r', call: 't', outcome: ok },
      { type: 'tool.end', run: 'r', call: 't', outcome: { kind: 'error', type: 'second' } },
      { type: 'run.end', run: 'r', outcome: ok },
      { type: 'run.end', run: 'r', outcome: { kind: 'error', type: 'second' } },
    );
    expect(tree()).toMatchInlineSnapshot(`
      "invoke_agent scripted [session own-1] run.start
        execute_tool look"
    `);
  });

  test('has a call for each that a model makes under one id, once the one before has ended', () => {
    const { say, tap } = script();
    say({ type: 'run.start', run: 'r', session: 'own-1' });
    for (const tool of ['look', 'listen']) {
      say({ type: 'tool.start', run: 'r', call: 'call_0', callId: 'call_0', tool });
      tap.inside({ run: 'r', call: 'call_0' }, () => tracing.tracer.startSpan('SELECT').end());
      say({ type: 'tool.end', run: 'r', call: 'call_0', outcome: ok });
    }
    say({ type: 'run.end', run: 'r', outcome: ok });
    expect(tree()).toMatchInlineSnapshot(`
      "invoke_agent scripted [session own-1] run.start
        execute_tool look
          SELECT
        execute_tool listen
          SELECT"
    `);
    expect(tracing.capture).toPassChecks();
  });

  test('in the shadow of one that is over, or that was none, begins where that one did', () => {
    const { say, tap } = script();
    const later: (() => void)[] = [];
    tap.run('none', [], () => later.push(AsyncLocalStorage.bind(() => expect(tap.here()).toBeUndefined())));
    tap.run('a', [], () => {
      say({ type: 'run.start', run: 'a', session: 'own-a' });
      later.push(
        AsyncLocalStorage.bind(() =>
          tap.run('b', [], () =>
            say({ type: 'run.start', run: 'b', session: 'own-b' }, { type: 'run.end', run: 'b', outcome: ok }),
          ),
        ),
      );
      say({ type: 'run.end', run: 'a', outcome: ok });
    });
    for (const work of later) work();
    expect(tree()).toMatchInlineSnapshot(`
      "invoke_agent scripted [session own-a] run.start
      invoke_agent scripted [session own-b] run.start"
    `);
  });

  test('in the shadow of one that is over is in the session that was bound there', async () => {
    const { say, tap } = script();
    const turn = (run: string): void =>
      tap.run(run, [], () =>
        say({ type: 'run.start', run, session: 'own-1' }, { type: 'run.end', run, outcome: { kind: 'ok' } }),
      );
    const jobs: (() => void)[] = [];
    let wake: (() => void) | undefined;
    // A queue like many: whoever comes first starts the loop that works for all who come later.
    const work = async (): Promise<void> => {
      for (;;) {
        jobs.shift()?.();
        await new Promise<void>((resolve) => (wake = resolve));
      }
    };
    withSession('conv-a', () =>
      tap.run('a', [], () => {
        say({ type: 'run.start', run: 'a' });
        void work();
        // Entered while the run is going on, used when it is over.
        jobs.push(withSession('conv-c', () => AsyncLocalStorage.bind(() => turn('c'))));
        say({ type: 'run.end', run: 'a', outcome: ok });
      }),
    );
    wake?.();
    await Promise.resolve();
    jobs.push(() => withSession('conv-b', () => turn('b')));
    wake?.();
    await Promise.resolve();
    jobs.push(() => turn('d'));
    wake?.();
    await Promise.resolve();
    expect(tree()).toMatchInlineSnapshot(`
      "invoke_agent scripted [session conv-a] run.start
      invoke_agent scripted [session conv-c, inside conv-a] run.start
      invoke_agent scripted [session conv-b] run.start
      invoke_agent scripted [session conv-a] run.start -> previous turn"
    `);
  });

  test('in the shadow of one that is over sees what the program put into the context since, below the program’s span', async () => {
    const { say, tap } = script();
    const tenant = createContextKey('tenant');
    const as = (name: string, work: () => void): void => context.with(context.active().setValue(tenant, name), work);
    const seen: unknown[] = [];
    const turn = (run: string, meanwhile = (): void => {}): void =>
      tap.run(run, [], () => {
        say({ type: 'run.start', run });
        seen.push(context.active().getValue(tenant));
        meanwhile();
        say({ type: 'run.end', run, outcome: ok });
      });
    const queue = new EventEmitter();
    const loop = async (): Promise<void> => {
      for await (const [job] of on(queue, 'job')) job();
    };
    as('tenant-a', () => withSession('conv-a', () => turn('a', () => void loop())));
    queue.emit('job', () => as('tenant-b', () => turn('b')));
    queue.emit('job', () =>
      as('tenant-c', () =>
        withSession('conv-c', () =>
          tracing.tracer.startActiveSpan('job', (span) => {
            turn('c');
            span.end();
          }),
        ),
      ),
    );
    await setImmediate();
    expect(seen).toEqual(['tenant-a', 'tenant-b', 'tenant-c']);
    expect(tree()).toMatchInlineSnapshot(`
      "invoke_agent scripted [session conv-a] run.start
      invoke_agent scripted [session conv-a] run.start -> previous turn
      job [session conv-c]
        invoke_agent scripted run.start"
    `);
    expect(tracing.capture).toPassChecks();
  });

  test('in the shadow of one that is over hangs below the caller that a message names, and the program’s span of it', () => {
    const { say, tap } = script();
    const turn = (run: string): (<T>(work: () => T) => T) =>
      tap.run(run, [], () => {
        say({ type: 'run.start', run }, { type: 'run.end', run, outcome: ok });
        return AsyncLocalStorage.snapshot();
      });
    const later = withSession('conv-a', () => turn('a'));
    const message = { traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01' };
    later(() =>
      context.with(propagation.extract(context.active(), message), () => {
        turn('b');
        tracing.tracer.startActiveSpan('job', (span) => {
          withSession('conv-c', () => turn('c'));
          span.end();
        });
      }),
    );
    expect(tree()).toMatchInlineSnapshot(`
      "invoke_agent scripted [session conv-a] run.start
      invoke_agent scripted [session conv-a] run.start (remote parent) -> previous turn
      job [session conv-a] (remote parent)
        invoke_agent scripted [session conv-c] run.start"
    `);
    expect(tracing.capture).toPassChecks();
  });

  test('hangs below the program’s span, in what another adapter saw too', () => {
    const outer = script({ session: 'own-1' }, scriptedAdapter('outer'));
    const inner = script({}, scriptedAdapter('inner'));
    const start = { type: 'run.start', run: 'r' } as const;
    const end = { type: 'run.end', run: 'r', outcome: ok } as const;
    outer.tap.run('r', [], () => {
      outer.say(start);
      inner.tap.run('r', [], () => {
        inner.say(start);
        tracing.tracer.startActiveSpan('look up', (span) => {
          script({ session: 'sub-7' }).say(start, end);
          span.end();
        });
      });
      outer.say(end);
    });
    expect(tree()).toMatchInlineSnapshot(`
      "invoke_agent outer [session own-1] run.start
        look up
          invoke_agent scripted [session sub-7, inside own-1] run.start"
    `);
    expect(tracing.capture).toPassChecks();
  });

  test('a session in the shadow of a nested one that is over is inside that of the run around both', () => {
    const { say, tap } = script();
    tap.run('outer', [], () => {
      say(
        { type: 'run.start', run: 'outer', session: 'own-1' },
        { type: 'tool.start', run: 'outer', call: 't', tool: 'ask' },
      );
      const later = tap.inside({ run: 'outer', call: 't' }, () =>
        tap.run('inner', [], () => {
          say({ type: 'run.start', run: 'inner' }, { type: 'run.end', run: 'inner', outcome: ok });
          return AsyncLocalStorage.snapshot();
        }),
      );
      later(() => withSession('sub-7', () => tracing.tracer.startSpan('SELECT').end()));
      say({ type: 'tool.end', run: 'outer', call: 't', outcome: ok }, { type: 'run.end', run: 'outer', outcome: ok });
    });
    expect(tree()).toMatchInlineSnapshot(`
      "invoke_agent scripted [session own-1] run.start
        execute_tool ask
          invoke_agent scripted run.start
          SELECT [session sub-7, inside own-1]"
    `);
    expect(tracing.capture).toPassChecks();
  });

  test('without a sign of life is closed as abandoned, at its last event', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'performance', 'Date'] });
    const { say } = script({ idleTimeoutMillis: 60_000 });
    say({ type: 'run.start', run: 'r', session: 'own-1' });
    await vi.advanceTimersByTimeAsync(5_000);
    say({ type: 'tool.start', run: 'r', call: 't', tool: 'look' });
    await vi.advanceTimersByTimeAsync(100_000);
    expect(tree()).toMatchInlineSnapshot(`
      "invoke_agent scripted [session own-1] run.start (error abandoned)
        execute_tool look (error abandoned)"
    `);
    const [root] = tracing.capture.spans;
    expect(Number(root!.end - root!.start) / 1e6).toBeCloseTo(5_000, -1);
    expect(vi.getTimerCount()).toBe(0);
  });

  test('may be silent for ever where idleTimeoutMillis says so', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'performance', 'Date'] });
    const { say } = script({ idleTimeoutMillis: Number.POSITIVE_INFINITY });
    say({ type: 'run.start', run: 'r', session: 'own-1' });
    await vi.advanceTimersByTimeAsync(60 * 60_000);
    say({ type: 'run.end', run: 'r', outcome: ok });
    expect(tree()).toBe('invoke_agent scripted [session own-1] run.start');
  });

  test('that is given up is told to its adapter, and ends also where that fails', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'performance', 'Date'] });
    const abandon = vi.fn<(run: string) => void>((run) => {
      if (run === 'b') throw new Error('oops');
    });
    const { say } = script({ idleTimeoutMillis: 60_000 }, scriptedAdapter('scripted', { abandon }));
    for (const run of ['a', 'b', 'c']) say({ type: 'run.start', run, session: 'own-1' });
    say({ type: 'run.end', run: 'a', outcome: ok });
    await vi.advanceTimersByTimeAsync(100_000);
    expect(abandon.mock.calls.map(([run]) => run)).toEqual(['b', 'c']);
    expect(tracing.capture.spans.map(({ attributes }) => attributes['error.type'])).toEqual([
      undefined,
      'abandoned',
      'abandoned',
    ]);
  });

  test('shows steps of the engine’s own, with the work in them, and whose session it is', () => {
    const { tap, say } = script();
    say(
      { type: 'run.start', run: 'r', session: 'own-1' },
      { type: 'step.start', run: 'r', call: 's', step: 'session', name: 'getItems' },
    );
    tap.inside({ run: 'r', call: 's' }, () => tracing.tracer.startSpan('SELECT').end());
    say(
      { type: 'step.end', run: 'r', call: 's', outcome: { kind: 'error', type: 'RangeError' } },
      { type: 'run.end', run: 'r', outcome: ok },
    );
    expect(tree()).toMatchInlineSnapshot(`
      "invoke_agent scripted [session own-1] run.start
        session getItems (error RangeError)
          SELECT"
    `);
    expect(tracing.capture.spans.find(({ name }) => name === 'session getItems')?.attributes).toEqual({
      'error.type': 'RangeError',
      'session.id': 'own-1',
      'turnkeeper.step.type': 'session',
      'turnkeeper.step.name': 'getItems',
    });
    expect(tracing.capture).toPassChecks();
  });

  test('has the sum of its model calls’ tokens, unless the engine reports a total', () => {
    const { say } = script();
    for (const [run, usage] of [['a'], ['b', { input: 7 }]] as const) {
      say(
        { type: 'run.start', run, session: 'own-1' },
        { type: 'model.start', run, call: '1', model: 'm' },
        { type: 'model.end', run, call: '1', outcome: ok, usage: { input: 10, output: 1, cacheRead: 4 } },
        { type: 'model.start', run, call: '2', model: 'm' },
        { type: 'model.end', run, call: '2', outcome: ok, usage: { input: 20, output: 2 } },
        { type: 'run.end', run, outcome: ok, usage },
      );
    }
    const usages = tracing.capture.index.runs.map(({ root }) =>
      Object.fromEntries(Object.entries(root.attributes).filter(([key]) => key.startsWith('gen_ai.usage'))),
    );
    expect(usages).toEqual([
      { 'gen_ai.usage.input_tokens': 30, 'gen_ai.usage.output_tokens': 3, 'gen_ai.usage.cache_read.input_tokens': 4 },
      { 'gen_ai.usage.input_tokens': 7 },
    ]);
  });
});
