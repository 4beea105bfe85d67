import { context, ROOT_CONTEXT, trace } from '@opentelemetry/api';
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

const ok = { kind: 'ok' } as const;

describe('a run', () => {
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

  test('that waits for a person by name waits until that is over, whatever happens meanwhile; then silence ends it', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'performance', 'Date'] });
    const { say } = script({ idleTimeoutMillis: 60_000 });
    const ended = (): unknown[] => tracing.capture.spans.map(({ attributes }) => attributes['error.type']);
    say({ type: 'run.start', run: 'r', session: 'own-1' });
    for (const wait of ['1', '2']) say({ type: 'run.wait', run: 'r', reason: 'permission', wait });
    say(
      { type: 'tool.start', run: 'r', call: 't', tool: 'look' },
      { type: 'tool.end', run: 'r', call: 't', outcome: ok },
    );
    say({ type: 'run.resume', run: 'r', wait: '1' }, { type: 'run.resume', run: 'r', wait: 'another' });
    await vi.advanceTimersByTimeAsync(3_600_000);
    expect(ended()).toEqual([undefined]);
    say({ type: 'run.resume', run: 'r', wait: '2' });
    await vi.advanceTimersByTimeAsync(50_000);
    expect(ended()).toEqual([undefined]);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(ended()).toEqual(['abandoned', undefined]);
  });
});

describe('a turn that is asked for inside the one before, of an engine that takes one after the other', () => {
  const turns = scriptedAdapter('scripted', { takesTurns: true });
  const start = (run: string, session: string) => ({ type: 'run.start', run, session }) as const;
  const end = (run: string) => ({ type: 'run.end', run, outcome: ok }) as const;

  test('is the next one: it starts where that one did, with its own number and a link', () => {
    const { tap, say, observation } = script({}, turns);
    tracing.tracer.startActiveSpan('POST /chat', (request) => {
      tap.run('a', [], () => {
        say(start('a', 'own-1'), { type: 'tool.start', run: 'a', call: 't', tool: 'look' });
        tap.inside({ run: 'a', call: 't' }, () =>
          tap.run('b', [], () => {
            say(start('b', 'own-1'));
            tracing.tracer.startSpan('SELECT').end();
          }),
        );
        say({ type: 'tool.end', run: 'a', call: 't', outcome: ok }, end('a'));
      });
      say(end('b'));
      request.end();
    });
    expect(tracing.capture.tree()).toMatchInlineSnapshot(`
      "POST /chat
        invoke_agent scripted [session own-1] run.start
          execute_tool look
        invoke_agent scripted [session own-1] run.start -> previous turn
          SELECT"
    `);
    expect(observation.runs().map(({ turn, session }) => [turn, session.source])).toEqual([
      [1, 'engine'],
      [2, 'engine'],
    ]);
  });

  test('keeps the session that it was put in, and a span of another trace', () => {
    const { tap, say } = script({}, turns);
    const job = tracing.tracer.startSpan('job', {}, ROOT_CONTEXT);
    withSession('conv-1', () =>
      tap.run('a', [], () => {
        say(start('a', 'own-1'));
        context.with(trace.setSpan(context.active(), job), () =>
          withSession('conv-2', () => tap.run('b', [], () => say(start('b', 'own-1'), end('b')))),
        );
        say(end('a'));
      }),
    );
    job.end();
    const { root } = tracing.capture.index.runs.find(({ session }) => session === 'conv-2')!;
    expect(root.parentSpanId).toBe(job.spanContext().spanId);
    expect(root.traceId).toBe(job.spanContext().traceId);
  });

  test('goes on as work of its own, when both are over', () => {
    const { tap, say } = script({}, turns);
    withSession('conv-1', () =>
      tap.run('a', [], () => {
        say(start('a', 'own-1'));
        tap.run('b', [], () => {
          say(start('b', 'own-1'), end('b'), end('a'));
          tap.run('c', [], () => say(start('c', 'own-1'), end('c')));
        });
      }),
    );
    expect(tracing.capture).toHaveSession('conv-1', { turns: 3 });
    expect(tracing.capture).toPassChecks();
  });

  test.each([
    ['another session of the engine’s', 'own-2', turns],
    ['an engine that does not', 'own-1', scriptedAdapter()],
  ])('stays inside where it is one of %s', (_what, session, adapter) => {
    const { tap, say } = script({}, adapter);
    tap.run('a', [], () => {
      say(start('a', 'own-1'), { type: 'tool.start', run: 'a', call: 't', tool: 'look' });
      tap.inside({ run: 'a', call: 't' }, () => tap.run('b', [], () => say(start('b', session), end('b'))));
      say({ type: 'tool.end', run: 'a', call: 't', outcome: ok }, end('a'));
    });
    expect(tracing.capture.tree()).toMatchInlineSnapshot(`
      "invoke_agent scripted [session own-1] run.start
        execute_tool look
          invoke_agent scripted run.start"
    `);
  });
});
