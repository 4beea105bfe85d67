import '@turnkeeper/check/vitest';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { currentSession, withSession } from './session/active-session.ts';
import type { ObserveOptions } from './observe.ts';
import { attachSession, SessionContext } from './session/session-context.ts';
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
    const work = (): void =>
      inner.tap.run('i', [], () => {
        inner.say(
          { type: 'run.start', run: 'i', session: 'own-2' },
          { type: 'tool.start', run: 'i', call: 't', tool: 'twice' },
        );
        tracing.tracer.startSpan('SELECT').end();
        inner.say({ type: 'run.end', run: 'i', outcome: ok });
      });
    outer.tap.run('o', [], () => {
      outer.say(
        { type: 'run.start', run: 'o', session: 'own-1' },
        { type: 'model.start', run: 'o', call: 'm', model: 'test-model' },
      );
      work();
      outer.tap.inside({ run: 'o', call: 'm' }, work);
      outer.say({ type: 'model.end', run: 'o', call: 'm', outcome: ok }, { type: 'run.end', run: 'o', outcome: ok });
    });
    expect(tree()).toMatchInlineSnapshot(`
      "invoke_agent outer [session own-1] run.start
        chat test-model
          SELECT
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

  test.each([
    ['attached to it', {}, [attachSession({}, new SessionContext({ sessionId: 'sub-7' }))]],
    ['said when it is observed', { session: 'sub-7' }, []],
  ])('of two adapters are two where the inner one has a session of its own, %s', (_how, options, owners) => {
    const outer = script({ session: 'own-1' }, scriptedAdapter('outer'));
    const inner = script(options, scriptedAdapter('inner'));
    outer.tap.run('o', [], () => {
      outer.say({ type: 'run.start', run: 'o' });
      inner.tap.run('i', owners, () =>
        inner.say({ type: 'run.start', run: 'i' }, { type: 'run.end', run: 'i', outcome: ok }),
      );
      outer.say({ type: 'run.end', run: 'o', outcome: ok });
    });
    expect(tree()).toBe(
      'invoke_agent outer [session own-1] run.start\n  invoke_agent inner [session sub-7, inside own-1] run.start',
    );
    expect(tracing.capture).toPassChecks();
  });

  test('of two adapters on one call that name the same session are one', () => {
    const outer = script({ session: 'own-1' }, scriptedAdapter('outer'));
    const inner = script({ session: 'own-1' }, scriptedAdapter('inner'));
    outer.tap.run('o', [], () => {
      outer.say({ type: 'run.start', run: 'o' });
      inner.tap.run('i', [], () =>
        inner.say({ type: 'run.start', run: 'i' }, { type: 'run.end', run: 'i', outcome: ok }),
      );
      outer.say({ type: 'run.end', run: 'o', outcome: ok });
    });
    expect(tree()).toBe('invoke_agent outer [session own-1] run.start');
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

  test.each([
    [{ idleTimeoutMillis: Number.NaN }, 'idleTimeoutMillis is NaN, not a number from 1 on: 1800000 is used'],
    [{ idleTimeoutMillis: 0 }, 'idleTimeoutMillis is 0, not a number from 1 on: 1800000 is used'],
    [{ lateLimit: -1 }, 'lateLimit is -1, not a number from 0 on: 512 is used'],
    [{ lateDeadlineMillis: Number.NaN }, 'lateDeadlineMillis is NaN, not a number from 0 on: 5000 is used'],
  ])('under %j wait as they do without it, and a warning says so', (options, warning) => {
    vi.useFakeTimers();
    const { tap, say } = script(options);
    tap.run('r', [], () => say({ type: 'run.start', run: 'r' }));
    vi.advanceTimersByTime(4_000);
    expect(tracing.capture.spans).toEqual([]);
    say({ type: 'session.bind', run: 'r', id: 'conv-42' }, { type: 'run.end', run: 'r', outcome: ok });
    expect(tree()).toBe('invoke_agent scripted [session conv-42] run.start');
    expect(tracing.diagnostics).toEqual([`turnkeeper: ${warning}`]);
  });

  test.each([
    [{ fallback: 'generated' }, 'fallback is generated, not none or generate: none is used'],
    [{ content: 'ALL' }, 'content is ALL, not none, all or a function: none is used'],
    [{ content: true }, 'content is true, not none, all or a function: none is used'],
    [{ content: null, fallback: null }, 'content is null, not none, all or a function: none is used'],
  ])('under %j go on without it, and a warning says so', (options, warning) => {
    const { say } = script(options as ObserveOptions);
    say({ type: 'run.start', run: 'r', input: () => 'hello' }, { type: 'run.end', run: 'r', outcome: ok });
    expect(tree()).toContain('invoke_agent scripted [no session]');
    expect(tracing.capture.spans[0]?.attributes).not.toHaveProperty('gen_ai.input.messages');
    expect(tracing.diagnostics[0]).toBe(`turnkeeper: ${warning}`);
  });

  test('past the bound close the oldest as abandoned', () => {
    const { say } = script();
    for (let run = 0; run <= 20_000; run++) say({ type: 'run.start', run: `r${run}`, session: 'own-1' });
    expect(tracing.capture.spans).toHaveLength(1);
    expect(tracing.capture.spans[0]?.attributes['error.type']).toBe('abandoned');
  });
});

describe('the id', () => {
  test('that comes late is on the run, on its open calls and on those that had ended, with their own times', () => {
    const { say } = script();
    const at = Date.now() - 1_000;
    say(
      { type: 'run.start', run: 'r', at },
      { type: 'model.start', run: 'r', call: 'm', model: 'test-model', at },
      { type: 'model.end', run: 'r', call: 'm', outcome: ok, at: at + 30 },
      { type: 'tool.start', run: 'r', call: 't', tool: 'look', at: at + 30 },
    );
    expect(tracing.capture.spans).toEqual([]);
    say({ type: 'session.bind', run: 'r', id: 'late-1' }, { type: 'run.end', run: 'r', outcome: ok });
    expect(tree()).toMatchInlineSnapshot(`
      "invoke_agent scripted [session late-1] run.start
        chat test-model
        execute_tool look (error unfinished)"
    `);
    const chat = tracing.capture.spans.find(({ name }) => name.startsWith('chat'))!;
    expect(Number(chat.end - chat.start) / 1e6).toBe(30);
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
