import { AsyncLocalStorage } from 'node:async_hooks';
import { context, ROOT_CONTEXT, trace, type Context } from '@opentelemetry/api';
import { suppressTracing } from '@opentelemetry/core';
import { MeterProvider } from '@opentelemetry/sdk-metrics';
import { AlwaysOffSampler, BasicTracerProvider, SamplingDecision } from '@opentelemetry/sdk-trace-base';
import '@turnkeeper/check/vitest';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { observe, type ObserveOptions } from './observe.ts';
import { currentSession, withSession } from './session/active-session.ts';
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

  test('drops second starts, ends without a start, and signals of runs that it does not know', () => {
    const { say } = script();
    say(
      { type: 'tool.end', run: 'nobody', call: 't', outcome: ok },
      { type: 'run.end', run: 'nobody', outcome: ok },
      { type: 'run.start', run: 'r', session: 'own-1' },
      { type: 'run.start', run: 'r', session: 'own-2' },
      { type: 'tool.end', run: 'r', call: 'none', outcome: ok },
      { type: 'tool.start', run: 'r', call: 't', tool: 'look' },
      { type: 'tool.start', run: 'r', call: 't', tool: 'look' },
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

  test('that waits for a person is not abandoned before its next event', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'performance', 'Date'] });
    const { say } = script({ idleTimeoutMillis: 60_000 });
    say({ type: 'run.start', run: 'r', session: 'own-1' }, { type: 'run.wait', run: 'r', reason: 'permission' });
    await vi.advanceTimersByTimeAsync(3_600_000);
    expect(tracing.capture.spans).toEqual([]);
    say({ type: 'run.end', run: 'r', outcome: ok });
    expect(
      tracing.capture.spans[0]?.events.map(({ name, attributes }) => [name, attributes['turnkeeper.wait.reason']]),
    ).toEqual([
      ['run.start', undefined],
      ['run.wait', 'permission'],
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

describe('runs', () => {
  test('side by side keep their spans and sessions', async () => {
    const { tap, say } = script();
    await Promise.all(
      ['a', 'b', 'c'].map((run) =>
        withSession(`conv-${run}`, () =>
          tap.run(run, [], async () => {
            say({ type: 'run.start', run }, { type: 'tool.start', run, call: 't', tool: 'look' });
            await tap.inside({ run, call: 't' }, async () => {
              await Promise.resolve();
              expect(currentSession()).toEqual({ id: `conv-${run}`, source: 'context' });
              tracing.tracer.startSpan('SELECT').end();
            });
            say({ type: 'tool.end', run, call: 't', outcome: ok }, { type: 'run.end', run, outcome: ok });
          }),
        ),
      ),
    );
    expect(tree()).toMatchInlineSnapshot(`
      "invoke_agent scripted [session conv-a] run.start
        execute_tool look
          SELECT
      invoke_agent scripted [session conv-b] run.start
        execute_tool look
          SELECT
      invoke_agent scripted [session conv-c] run.start
        execute_tool look
          SELECT"
    `);
    expect(tracing.capture).toPassChecks();
  });

  test('of two adapters on one call are one set of spans', () => {
    const outer = script({}, scriptedAdapter('outer'));
    const inner = script({}, scriptedAdapter('inner'));
    outer.tap.run('o', [], () => {
      outer.say({ type: 'run.start', run: 'o', session: 'own-1' });
      inner.tap.run('i', [], () => {
        inner.say(
          { type: 'run.start', run: 'i', session: 'own-2' },
          { type: 'tool.start', run: 'i', call: 't', tool: 'twice' },
        );
        tracing.tracer.startSpan('SELECT').end();
        inner.say({ type: 'run.end', run: 'i', outcome: ok });
      });
      outer.say({ type: 'run.end', run: 'o', outcome: ok });
    });
    expect(tree()).toMatchInlineSnapshot(`
      "invoke_agent outer [session own-1] run.start
        SELECT"
    `);
    expect(tracing.capture).toPassChecks();
  });

  test('of two adapters are two where the inner one was put in a session of its own', () => {
    const outer = script({}, scriptedAdapter('outer'));
    const inner = script({}, scriptedAdapter('inner'));
    outer.tap.run('o', [], () => {
      outer.say({ type: 'run.start', run: 'o', session: 'own-1' });
      withSession('sub-7', () =>
        inner.tap.run('i', [], () =>
          inner.say({ type: 'run.start', run: 'i' }, { type: 'run.end', run: 'i', outcome: ok }),
        ),
      );
      outer.say({ type: 'run.end', run: 'o', outcome: ok });
    });
    expect(tree()).toMatchInlineSnapshot(`
      "invoke_agent outer [session own-1] run.start
        invoke_agent inner [session sub-7, inside own-1] run.start"
    `);
    expect(tracing.capture).toPassChecks();
  });

  test('of another adapter inside a tool are child runs', () => {
    const outer = script({}, scriptedAdapter('outer'));
    const inner = script({}, scriptedAdapter('inner'));
    outer.say(
      { type: 'run.start', run: 'o', session: 'own-1' },
      { type: 'tool.start', run: 'o', call: 't', tool: 'delegate' },
    );
    outer.tap.inside({ run: 'o', call: 't' }, () =>
      inner.tap.run('i', [], () =>
        inner.say({ type: 'run.start', run: 'i', session: 'own-2' }, { type: 'run.end', run: 'i', outcome: ok }),
      ),
    );
    outer.say({ type: 'tool.end', run: 'o', call: 't', outcome: ok }, { type: 'run.end', run: 'o', outcome: ok });
    expect(tree()).toMatchInlineSnapshot(`
      "invoke_agent outer [session own-1] run.start
        execute_tool delegate
          invoke_agent inner run.start"
    `);
    expect(tracing.capture).toPassChecks();
    expect(inner.observation.runs()).toMatchObject([
      { session: { id: 'own-1' }, engine: { sessionId: 'own-2' }, turn: undefined },
    ]);
  });

  test('inside a tool that names another session are a child session, which says so', () => {
    const { say, tap } = script();
    const inner = script();
    say(
      { type: 'run.start', run: 'o', session: 'own-1' },
      { type: 'tool.start', run: 'o', call: 't', tool: 'delegate' },
    );
    tap.inside({ run: 'o', call: 't' }, () =>
      withSession('child-1', () =>
        inner.tap.run('i', [], () => {
          inner.say({ type: 'run.start', run: 'i' });
          tracing.tracer.startSpan('SELECT').end();
          inner.say({ type: 'run.end', run: 'i', outcome: ok });
        }),
      ),
    );
    say({ type: 'tool.end', run: 'o', call: 't', outcome: ok }, { type: 'run.end', run: 'o', outcome: ok });
    expect(tree()).toMatchInlineSnapshot(`
      "invoke_agent scripted [session own-1] run.start
        execute_tool delegate
          invoke_agent scripted [session child-1, inside own-1] run.start
            SELECT"
    `);
    expect(tracing.capture).toPassChecks();
  });

  test('past the bound close the oldest as abandoned', () => {
    const { say } = script();
    for (let run = 0; run <= 20_000; run++) say({ type: 'run.start', run: `r${run}`, session: 'own-1' });
    expect(tracing.capture.spans).toHaveLength(1);
    expect(tracing.capture.spans[0]?.attributes['error.type']).toBe('abandoned');
  });
});

describe('the id', () => {
  test('that comes late is on the run, on its open calls and on those that had ended, with their own times', async () => {
    const { say } = script();
    say(
      { type: 'run.start', run: 'r' },
      { type: 'model.start', run: 'r', call: 'm', model: 'test-model' },
      { type: 'model.end', run: 'r', call: 'm', outcome: ok },
      { type: 'tool.start', run: 'r', call: 't', tool: 'look' },
    );
    expect(tracing.capture.spans).toEqual([]);
    await new Promise((resolve) => setTimeout(resolve, 40));
    say({ type: 'session.bind', run: 'r', id: 'late-1' }, { type: 'run.end', run: 'r', outcome: ok });
    expect(tree()).toMatchInlineSnapshot(`
      "invoke_agent scripted [session late-1] run.start
        chat test-model
        execute_tool look (error unfinished)"
    `);
    const chat = tracing.capture.spans.find(({ name }) => name.startsWith('chat'))!;
    expect(Number(chat.end - chat.start) / 1e6).toBeLessThan(30);
    expect(tracing.capture.index.runs[0]?.starts).toHaveLength(1);
  });

  test('that comes late does not beat the platform’s, and is kept aside', () => {
    const { say } = script({ session: 'conv-42' });
    say(
      { type: 'run.start', run: 'r' },
      { type: 'session.bind', run: 'r', id: 'late-1' },
      { type: 'run.end', run: 'r', outcome: ok },
    );
    const { attributes } = tracing.capture.index.runs[0]!.root;
    expect(attributes).toMatchObject({ 'session.id': 'conv-42', 'turnkeeper.engine.session.id': 'late-1' });
  });

  test('that has not come at the deadline holds nothing back any longer', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval'] });
    const { say } = script();
    say(
      { type: 'run.start', run: 'r' },
      { type: 'tool.start', run: 'r', call: 't', tool: 'look' },
      { type: 'tool.end', run: 'r', call: 't', outcome: ok },
    );
    await vi.advanceTimersByTimeAsync(5_000);
    expect(tracing.capture.spans.map(({ name }) => name)).toEqual(['execute_tool look']);
    say({ type: 'session.bind', run: 'r', id: 'too-late' }, { type: 'run.end', run: 'r', outcome: ok });
    expect(tracing.capture.spans.map(({ attributes }) => attributes['session.id'])).toEqual([undefined, undefined]);
  });

  test.each(['', ' ', 'a\nb', 'x'.repeat(129), `x${'y'.repeat(1_000_000)}`])(
    'of an engine that is no good binds nothing',
    (session) => {
      const { say } = script();
      say({ type: 'run.start', run: 'r', session }, { type: 'run.end', run: 'r', outcome: ok });
      expect(tracing.capture.index.runs[0]?.session).toBeUndefined();
      expect(tracing.diagnostics).toHaveLength(session.trim() === '' ? 0 : 1);
    },
  );
});

describe('the tap', () => {
  test('runs work outside every run, and inside a call of one from anywhere', () => {
    const { tap, say } = script();
    tap.run('r', [], () => {
      say({ type: 'run.start', run: 'r', session: 'own-1' }, { type: 'tool.start', run: 'r', call: 't', tool: 'look' });
      tap.outside(() => {
        expect(currentSession()).toBeUndefined();
        expect(tap.here()).toBeUndefined();
        tracing.tracer.startSpan('keep-alive').end();
      });
      expect(tap.here()).toBe('r');
      say({ type: 'run.end', run: 'r', outcome: ok });
      expect(tap.here()).toBeUndefined();
    });
    context.with(ROOT_CONTEXT, () =>
      tap.inside({ run: 'r', call: 't' }, () => tracing.tracer.startSpan('too late').end()),
    );
    expect(tree()).toMatchInlineSnapshot(`
      "invoke_agent scripted [session own-1] run.start
        execute_tool look (error unfinished)
      keep-alive
      too late"
    `);
  });

  test('tells the innermost call of its own runs that is at work, and nothing of anybody else’s', () => {
    const { tap, say } = script();
    const other = script({}, scriptedAdapter('other'));
    expect(tap.place()).toBeUndefined();
    tap.run('r', [], () => {
      expect(tap.place()).toBeUndefined();
      say({ type: 'run.start', run: 'r' }, { type: 'tool.start', run: 'r', call: 't', tool: 'look' });
      expect(tap.place()).toMatchObject({ run: 'r', call: undefined });
      tap.inside({ run: 'r', call: 't' }, () => {
        expect(tap.place()).toMatchObject({ run: 'r', call: 't' });
        expect(other.tap.place()).toBeUndefined();
        tap.outside(() => expect(tap.place()).toBeUndefined());
      });
      say({ type: 'run.end', run: 'r', outcome: ok });
      expect(tap.place()).toBeUndefined();
    });
  });

  test('says whether the calls of the run are recorded: where it is sampled, or somebody measures', () => {
    const isRecorded = (options: ObserveOptions): boolean | undefined => {
      const { tap, say } = script(options);
      return tap.run('r', [], () => {
        say({ type: 'run.start', run: 'r' });
        return tap.place()?.isRecorded;
      });
    };
    const unsampled = new BasicTracerProvider({ sampler: new AlwaysOffSampler() });
    expect(isRecorded({})).toBe(true);
    expect(isRecorded({ tracerProvider: unsampled })).toBe(false);
    expect(isRecorded({ tracerProvider: unsampled, meterProvider: new MeterProvider() })).toBe(true);
    expect(isRecorded({ tracerProvider: unsampled, stampOnly: true })).toBe(true);
  });

  test('starts no span for the calls of a run that is not sampled, and still knows which of them is at work', () => {
    const asked: string[] = [];
    const sampler = {
      shouldSample: (_context: Context, _traceId: string, name: string) => {
        asked.push(name);
        return { decision: SamplingDecision.NOT_RECORD };
      },
    };
    const { tap, say } = script({ tracerProvider: new BasicTracerProvider({ sampler }) });
    tap.run('r', [], () => {
      say({ type: 'run.start', run: 'r', agent: 'a' }, { type: 'tool.start', run: 'r', call: 't', tool: 'look' });
      tap.inside({ run: 'r', call: 't' }, () => expect(tap.place()).toMatchObject({ run: 'r', call: 't' }));
      say({ type: 'tool.end', run: 'r', call: 't', outcome: ok }, { type: 'run.end', run: 'r', outcome: ok });
    });
    expect(asked).toEqual(['invoke_agent a']);
  });

  test('remembers what the last 256 runs said, and no more', () => {
    const { tap, say, observation } = script();
    for (let run = 0; run < 600; run += 1) {
      tap.run(`r-${run}`, [], () => {
        say({ type: 'run.start', run: `r-${run}`, session: `own-${run}` });
        say({ type: 'run.end', run: `r-${run}`, outcome: ok });
      });
    }
    const ids = observation.runs().map(({ session }) => session.id);
    expect(ids).toHaveLength(256);
    expect([ids[0], ids.at(-1)]).toEqual(['own-344', 'own-599']);
  });

  test('says where tracing is suppressed', () => {
    const { tap } = script();
    expect(tap.isSuppressed()).toBe(false);
    expect(context.with(suppressTracing(ROOT_CONTEXT), () => tap.isSuppressed())).toBe(true);
  });

  test('follows a lazy stream: every step of it runs in its scope', async () => {
    const { tap, say } = script();
    say(
      { type: 'run.start', run: 'r', session: 'own-1' },
      { type: 'model.start', run: 'r', call: 'm', model: 'test-model' },
    );
    async function* lazy(): AsyncGenerator<number> {
      for (const step of [1, 2]) {
        tracing.tracer.startSpan(`step ${step}`).end();
        yield step;
      }
    }
    const seen: number[] = [];
    for await (const step of tap.through({ run: 'r', call: 'm' }, lazy())) seen.push(step);
    say({ type: 'model.end', run: 'r', call: 'm', outcome: ok }, { type: 'run.end', run: 'r', outcome: ok });
    expect(seen).toEqual([1, 2]);
    expect(tree()).toMatchInlineSnapshot(`
      "invoke_agent scripted [session own-1] run.start
        chat test-model
          step 1
          step 2"
    `);
  });

  test('holds a run whose caller is not known yet, and starts it in the caller’s context once it is', () => {
    const { tap, say } = script();
    say(
      { type: 'run.start', run: 'r', session: 'cloud-1', caller: 'cloud-1' },
      { type: 'tool.start', run: 'r', call: 't', tool: 'look' },
      { type: 'tool.end', run: 'r', call: 't', outcome: ok },
      { type: 'run.end', run: 'r', outcome: ok },
    );
    expect(tracing.capture.spans).toEqual([]);
    tracing.tracer.startActiveSpan('caller', (span) => {
      withSession('conv-42', () => tap.caller('cloud-1'));
      span.end();
    });
    expect(tree()).toMatchInlineSnapshot(`
      "caller [session conv-42]
        invoke_agent scripted run.start
          execute_tool look"
    `);
    expect(tracing.capture).toPassChecks();
  });
});

describe('the error boundary', () => {
  test('keeps a failing translate from the engine, says it once, and closes the run when its call is over', async () => {
    const adapter = scriptedAdapter('failing', {
      *translate(native) {
        for (const event of native.events) {
          if (event.type === 'run.end') throw new Error('translate failed');
          yield event;
        }
      },
    });
    const { tap, say } = script({}, adapter);
    for (const run of ['a', 'b']) {
      await tap.run(run, [], async () => {
        say({ type: 'run.start', run, session: 'own-1' });
        say({ type: 'run.end', run, outcome: ok });
      });
    }
    expect(tree()).toMatchInlineSnapshot(`
      "invoke_agent failing [session own-1] run.start (error abandoned)
      invoke_agent failing [session own-1] run.start -> previous turn (error abandoned)"
    `);
    expect(tracing.diagnostics).toEqual([expect.stringContaining('failing: translate failed')]);
  });

  test('names a target that cannot be observed, and gives an observation that does nothing', () => {
    const adapter = scriptedAdapter('broken', {
      attach: () => {
        throw new Error('no such seam');
      },
    });
    const observation = observe(adapter, {});
    expect(observation.runs()).toEqual([]);
    expect(() => observation.stop()).not.toThrow();
    expect(tracing.diagnostics).toEqual([expect.stringContaining('broken: this target cannot be observed')]);
  });

  test.each<[string, ObserveOptions]>([
    [
      'getLogger',
      {
        loggerProvider: {
          getLogger: () => {
            throw new Error('no logger');
          },
        },
      },
    ],
    [
      'getter',
      {
        get meterProvider(): never {
          throw new Error('no option');
        },
      },
    ],
  ])('keeps a %s of the options that throws from the program', (_name, options) => {
    const target = {};
    expect(observe(scriptedAdapter(), target, options).runs()).toEqual([]);
    expect(tracing.diagnostics).toEqual([
      expect.stringContaining('scripted: this target cannot be observed: Error: no '),
    ]);
    expect(target).toEqual({});
  });

  test('passes on what the work returns and throws', async () => {
    const { tap } = script();
    expect(tap.run('a', [], () => 1)).toBe(1);
    expect(() =>
      tap.run('b', [], () => {
        throw new RangeError('the engine’s own');
      }),
    ).toThrow(RangeError);
    await expect(tap.run('c', [], () => Promise.reject(new RangeError('the engine’s own')))).rejects.toThrow(
      RangeError,
    );
  });
});
