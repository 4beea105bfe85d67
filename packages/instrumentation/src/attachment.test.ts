import { context, ROOT_CONTEXT, type Context } from '@opentelemetry/api';
import { suppressTracing } from '@opentelemetry/core';
import { MeterProvider } from '@opentelemetry/sdk-metrics';
import { AlwaysOffSampler, BasicTracerProvider, SamplingDecision } from '@opentelemetry/sdk-trace-base';
import '@turnkeeper/check/vitest';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { Done, Tap } from './adapter.ts';
import { observe, type Observation, type ObserveOptions } from './observe.ts';
import { currentSession, withSession } from './session/active-session.ts';
import { collectGarbage } from './testing/garbage.ts';
import { script, scriptedAdapter, type Scripted, type ScriptedNative } from './testing/scripted.ts';
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

  test('remembers what the last 256 runs said, and no more', async () => {
    const { tap, say, observation } = script();
    const turns = (from: number, to: number): void => {
      for (let run = from; run < to; run += 1) {
        tap.run(`r-${run}`, [], () => {
          say({ type: 'run.start', run: `r-${run}`, session: `own-${run}` });
          say({ type: 'run.end', run: `r-${run}`, outcome: ok });
        });
      }
    };
    turns(0, 1);
    const first = new WeakRef(observation.runs()[0]!);
    turns(1, 600);
    await expect.poll(() => (collectGarbage(), first.deref() === undefined)).toBe(true);
    const ids = observation.runs().map(({ session }) => session.id);
    expect(ids).toHaveLength(256);
    expect([ids[0], ids.at(-1)]).toEqual(['own-344', 'own-599']);
  });

  test('says where tracing is suppressed', () => {
    const { tap } = script();
    expect(tap.isSuppressed()).toBe(false);
    expect(context.with(suppressTracing(ROOT_CONTEXT), () => tap.isSuppressed())).toBe(true);
  });

  test('leaves no run where tracing is suppressed, and hears of one that was called before', () => {
    const { tap, say, observation } = script();
    const suppressed = (work: () => void): void => context.with(suppressTracing(context.active()), work);
    const turn = (run: string): void =>
      say({ type: 'run.start', run, agent: run }, { type: 'run.end', run, outcome: ok });
    suppressed(() => {
      tap.run('called', [], () => turn('called'));
      turn('told of');
    });
    expect(observation.runs()).toEqual([]);
    tap.run('before', [], () => suppressed(() => turn('before')));
    expect(observation.runs()).toHaveLength(1);
    expect(tree()).toBe('invoke_agent before [no session] run.start');
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
    const seen: unknown[] = [];
    const read: number[] = [];
    const done = (): void => void seen.push('done');
    const see = (step: unknown): void => {
      seen.push(step);
      throw new Error('the adapter’s own');
    };
    for await (const step of tap.through({ run: 'r', call: 'm' }, lazy(), done, see)) read.push(step);
    say({ type: 'model.end', run: 'r', call: 'm', outcome: ok }, { type: 'run.end', run: 'r', outcome: ok });
    expect(read).toEqual([1, 2]);
    expect(seen).toEqual([1, 2, 'done']);
    expect(tree()).toMatchInlineSnapshot(`
      "invoke_agent scripted [session own-1] run.start
        chat test-model
          step 1
          step 2"
    `);
  });

  test('tells once that a stream is over, also where more is asked of it at the same time', async () => {
    const { tap, say } = script();
    say({ type: 'run.start', run: 'r' });
    async function* one(): AsyncGenerator<number> {
      yield 1;
    }
    const done = vi.fn<() => void>();
    const stream = tap.through({ run: 'r' }, one(), done);
    await Promise.all([stream.next(), stream.next(), stream.next()]);
    expect(done).toHaveBeenCalledTimes(1);
  });

  test('holds a run whose caller is not known yet, and starts it in the caller’s context once it is', () => {
    const { tap, say } = script();
    tracing.tracer.startActiveSpan('caller', (span) => {
      tap.outside(() =>
        say(
          { type: 'run.start', run: 'r', session: 'cloud-1', caller: 'cloud-1' },
          { type: 'tool.start', run: 'r', call: 't', tool: 'look' },
          { type: 'tool.end', run: 'r', call: 't', outcome: ok },
          { type: 'run.end', run: 'r', outcome: ok },
        ),
      );
      expect(tracing.capture.spans).toEqual([]);
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

  test('says what its adapter is for, where that is said in its patches', () => {
    const attach = (): never => {
      throw new Error('no such seam');
    };
    observe(scriptedAdapter('broken', { attach, patches: [{ module: 'an-engine', export: 'Session' }] }), {});
    expect(tracing.diagnostics).toEqual([
      expect.stringContaining('cannot be observed: Error: no such seam (it is for Session of an-engine)'),
    ]);
  });

  test('names what is observed by no adapter, as a program without types may ask for', () => {
    for (const adapter of [undefined, 'pi']) {
      const observation: Observation = Reflect.apply(observe, undefined, [adapter, {}]);
      expect(observation.runs()).toEqual([]);
    }
    const line: unknown = expect.stringMatching(/this target cannot be observed: .* \(first comes an adapter\)/);
    expect(tracing.diagnostics).toEqual([line, line]);
  });

  test('lets an observation that is stopped again leave the one that came after it alone', () => {
    const target: Scripted = {};
    const first = observe(scriptedAdapter(), target);
    first.stop();
    const second = observe(scriptedAdapter(), target);
    const { tap } = target;
    first.stop();
    expect(target.tap).toBe(tap);
    expect(observe(scriptedAdapter(), target)).toBe(second);
  });

  test('keeps a getter of the options that throws from the program', () => {
    const target = {};
    const options: ObserveOptions = {
      get meterProvider(): never {
        throw new Error('no option');
      },
    };
    expect(observe(scriptedAdapter(), target, options).runs()).toEqual([]);
    expect(tracing.diagnostics).toEqual([
      expect.stringContaining('scripted: this target cannot be observed: Error: no option'),
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

describe('who asked how work went', () => {
  const failed = new RangeError('the engine’s own');
  const ways = {
    'gives a value': { work: () => 'given', told: ['given', undefined] },
    throws: {
      work: () => {
        throw failed;
      },
      told: [undefined, { error: failed }],
    },
    'gives a promise': { work: () => Promise.resolve('given'), told: ['given', undefined] },
    'gives one that is rejected': { work: () => Promise.reject(failed), told: [undefined, { error: failed }] },
  } as const;

  const calls: Record<string, (tap: Tap<ScriptedNative>, work: () => unknown, done: Done) => unknown> = {
    run: (tap, work, done) => tap.run('inner', [], work, done),
    around: (tap, work, done) => tap.around({ events: [], scope: { run: 'r', call: 't' } }, work, done),
    inside: (tap, work, done) => tap.inside({ run: 'r', call: 't' }, work, done),
    'around, in nobody’s run': (tap, work, done) => tap.around({ events: [], scope: null }, work, done),
    'inside no call of a run': (tap, work, done) => tap.inside({ run: 'r', call: 'no-such' }, work, done),
    'inside what is over': (tap, work, done) => tap.inside({ run: 'no-such' }, work, done),
    'run, suppressed': (tap, work, done) =>
      context.with(suppressTracing(context.active()), () => tap.run('inner', [], work, done)),
  };

  const cases = Object.keys(calls).flatMap((call) => Object.keys(ways).map((way) => [call, way] as const));

  test.each(cases)('%s: is told once, in the context of work that %s', async (call, way) => {
    const { tap, say } = script();
    const { work, told } = ways[way as keyof typeof ways];
    const places: Context[] = [];
    const seen: unknown[] = [];
    await tap.run('r', [], async () => {
      say({ type: 'run.start', run: 'r' }, { type: 'tool.start', run: 'r', call: 't', tool: 'look' });
      const given = async (): Promise<unknown> =>
        calls[call]?.(
          tap,
          () => {
            places.push(context.active());
            return work();
          },
          (...how) => {
            seen.push(how.length === 1 ? [how[0], undefined] : how);
            places.push(context.active());
            throw new Error('ours');
          },
        );
      await expect(given().catch((error: unknown) => ({ error }))).resolves.toEqual(told[1] ?? told[0]);
    });
    expect(seen).toEqual([told]);
    expect(places).toHaveLength(2);
    expect(places[1]).toBe(places[0]);
    expect(tracing.diagnostics).toEqual([expect.stringContaining('listener failed')]);
  });

  test('is told nothing any more once the observation has ended', async () => {
    const { tap, observation } = script();
    const done = vi.fn<Done>();
    const { promise, resolve } = Promise.withResolvers<string>();
    const before = tap.run('r', [], () => promise, done);
    observation.stop();
    resolve('given');
    await expect(before).resolves.toBe('given');
    expect(tap.run('s', [], () => 'given', done)).toBe('given');
    expect(done).not.toHaveBeenCalled();
  });
});
