import { ROOT_CONTEXT } from '@opentelemetry/api';
import fc from 'fast-check';
import '@turnkeeper/check/vitest';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { HeldRuns, type HeldEvent } from './held-runs.ts';
import { withSession } from './session/active-session.ts';
import { script } from './testing/scripted.ts';
import { startTracing, type Tracing } from './testing/tracing.ts';

const ok = { kind: 'ok' } as const;
let tracing: Tracing;
beforeEach(() => {
  tracing = startTracing();
});
afterEach(() => {
  vi.useRealTimers();
  tracing[Symbol.dispose]();
});
const tree = (): string => tracing.capture.tree();
const names = (): string[] => tracing.capture.spans.map(({ name }) => name);

describe('runs of a session that nobody is known to have opened', () => {
  test('start in the context and session of whoever has, with their own times, each session for itself', async () => {
    const { tap, say } = script();
    const at = Date.now();
    for (const session of ['cloud-1', 'cloud-2']) {
      say(
        { type: 'run.start', run: session, session, caller: session, at },
        { type: 'run.start', run: session, session, caller: session, at: at + 1 },
        { type: 'tool.start', run: session, call: 't', tool: 'look', at: at + 1 },
        { type: 'tool.end', run: session, call: 't', outcome: ok, at: at + 2 },
        { type: 'run.end', run: session, outcome: ok, at: at + 3 },
      );
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
    withSession('conv-2', () => tap.caller('cloud-2'));
    withSession('conv-1', () => tap.caller('cloud-1'));
    const runs = tracing.capture.index.runs.map(({ root, session }) => [
      session,
      root.attributes['turnkeeper.engine.session.id'],
      Number(root.end - root.start) / 1e6,
    ]);
    expect(runs).toHaveLength(2);
    expect(runs).toEqual(
      expect.arrayContaining([
        ['conv-1', 'cloud-1', 3],
        ['conv-2', 'cloud-2', 3],
      ]),
    );
    expect(tracing.capture).toPassChecks();
    expect(tracing.diagnostics).toEqual([]);
  });

  test('leave nothing when what would have opened it has failed', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const { tap, say } = script();
    say({ type: 'run.start', run: 'r', caller: 'cloud-1' }, { type: 'tool.start', run: 'r', call: 't', tool: 'look' });
    say({ type: 'run.start', run: 's', caller: 'cloud-2', session: 'own-2' });
    tap.forget('cloud-1');
    tap.forget('unknown');
    say({ type: 'run.end', run: 'r', outcome: ok }, { type: 'run.end', run: 's', outcome: ok });
    tap.caller('cloud-1');
    tap.caller('cloud-2');
    await vi.runAllTimersAsync();
    expect(tree()).toBe('invoke_agent scripted [session own-2] run.start');
  });

  test('go on without anybody at the deadline', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const { say } = script();
    say(
      { type: 'run.start', run: 'r', caller: 'cloud-1', session: 'own-1' },
      { type: 'run.end', run: 'r', outcome: ok },
    );
    await vi.advanceTimersByTimeAsync(9_999);
    expect(names()).toEqual([]);
    await vi.advanceTimersByTimeAsync(1);
    expect(tree()).toBe('invoke_agent scripted [session own-1] run.start');
  });

  test('wait for their own deadline, not for that of others who waited for the same caller before', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const { tap, say } = script();
    say({ type: 'run.start', run: 'r', caller: 'cloud-1' });
    await vi.advanceTimersByTimeAsync(6_000);
    tap.forget('cloud-1');
    say({ type: 'run.start', run: 's', caller: 'cloud-1' }, { type: 'run.end', run: 's', outcome: ok });
    await vi.advanceTimersByTimeAsync(6_000);
    withSession('conv-42', () => tap.caller('cloud-1'));
    expect(tree()).toBe('invoke_agent scripted [session conv-42] run.start');
    expect(vi.getTimerCount()).toBe(1);
    await vi.runAllTimersAsync();
    expect(vi.getTimerCount()).toBe(0);
  });

  test('go on when the observation stops', () => {
    const { say, observation } = script();
    say({ type: 'run.start', run: 'r', caller: 'cloud-1', session: 'own-1' });
    observation.stop();
    expect(tree()).toBe('invoke_agent scripted [session own-1] run.start (error abandoned)');
  });

  test('keep 128 events: past that the oldest are left out, with one warning, and the runs stay whole', () => {
    const { tap, say } = script();
    say({ type: 'run.start', run: 'r', session: 'own-1', caller: 'cloud-1' });
    for (let call = 0; call < 100; call++) {
      say({ type: 'tool.start', run: 'r', call: `${call}`, tool: `${call}` });
      say({ type: 'tool.end', run: 'r', call: `${call}`, outcome: ok });
    }
    say({ type: 'run.end', run: 'r', outcome: ok });
    tap.caller('cloud-1');
    // 128 without the run's start and end are 63 calls.
    expect(names().filter((name) => name.startsWith('execute_tool'))).toEqual(
      Array.from({ length: 63 }, (_, index) => `execute_tool ${37 + index}`),
    );
    expect(tracing.capture).toHaveSession('own-1', { turns: 1 });
    expect(tracing.capture).toPassChecks();
    expect(tracing.diagnostics).toEqual([expect.stringContaining('more than 128 events')]);
  });

  test('are left out whole, the oldest first, where there is nothing else to leave out', () => {
    const { tap, say } = script();
    for (let run = 0; run < 200; run++) {
      say({ type: 'run.start', run: `${run}`, agent: `${run}`, session: 'own-1', caller: 'cloud-1' });
      say({ type: 'run.end', run: `${run}`, outcome: ok });
    }
    tap.caller('cloud-1');
    expect(names()).toEqual(Array.from({ length: 64 }, (_, index) => `invoke_agent ${136 + index}`));
    expect(tracing.diagnostics).toHaveLength(1);
  });

  test('wait for a thousand sessions at most: the oldest go on without anybody', () => {
    const { say } = script();
    for (let run = 0; run < 1_000; run++) {
      say({ type: 'run.start', run: `${run}`, agent: `${run}`, session: `own-${run}`, caller: `cloud-${run}` });
      say({ type: 'run.end', run: `${run}`, outcome: ok });
    }
    expect(names()).toEqual([]);
    say({ type: 'run.start', run: 'more', caller: 'more' });
    expect(names()).toEqual(['invoke_agent 0']);
  });
});

test('whatever comes, what is held is bounded, in order, and each run in it begins with its start', () => {
  const event = fc.record({
    run: fc.nat({ max: 4 }),
    type: fc.constantFrom('run.start' as const, 'run.wait' as const, 'run.end' as const),
  });
  fc.assert(
    fc.property(fc.array(event, { minLength: 100, maxLength: 400, size: 'max' }), (steps) => {
      const held = new HeldRuns({ after: () => () => {}, release: () => {}, warn: () => {} });
      const started = new Set<string>();
      let kept: HeldEvent[] = [];
      for (const [at, { run, type }] of steps.entries()) {
        const id = `${run}`;
        if (type === 'run.start' && !started.has(id)) {
          started.add(id);
          held.callerOf({ type, run: id, caller: 'c' }, at);
        } else if (type === 'run.wait') held.keep({ type, run: id }, at);
        else if (type === 'run.end') held.keep({ type, run: id, outcome: ok }, at);
      }
      kept = held.name('c', ROOT_CONTEXT);
      expect(kept.length).toBeLessThanOrEqual(128);
      expect(kept.map(({ at }) => at)).toEqual(kept.map(({ at }) => at).toSorted((a, b) => a - b));
      const seen = new Set<string>();
      for (const { event: one } of kept) {
        expect(one.type === 'run.start' || seen.has(one.run)).toBe(true);
        seen.add(one.run);
      }
      expect(held.all()).toEqual([]);
    }),
  );
});
