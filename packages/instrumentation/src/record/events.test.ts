import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { trace } from '@opentelemetry/api';
import { LoggerProvider } from '@opentelemetry/sdk-logs';
import { createCapture, type LiveCapture } from '@turnkeeper/check';
import '@turnkeeper/check/vitest';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { ObserveOptions } from '../observe.ts';
import { SessionLogProcessor } from '../sdk/session-log-processor.ts';
import { withSession } from '../session/active-session.ts';
import { script } from '../testing/scripted.ts';
import { startTracing, type Tracing } from '../testing/tracing.ts';
import { RUN_START_CHANNEL, type RunInfo } from './events.ts';

const ok = { kind: 'ok' } as const;
let tracing: Tracing;
let logs: LiveCapture;
let loggerProvider: LoggerProvider;
const published: unknown[] = [];
const listen = (message: unknown): void => void published.push(message);
beforeEach(() => {
  tracing = startTracing();
  logs = createCapture();
  loggerProvider = new LoggerProvider({ processors: [new SessionLogProcessor(), logs.logRecordProcessor] });
  published.length = 0;
  subscribe(RUN_START_CHANNEL, listen);
});
afterEach(() => {
  unsubscribe(RUN_START_CHANNEL, listen);
  tracing[Symbol.dispose]();
});

const emitted = (): (readonly [string, unknown])[] =>
  logs.index.logs.map(({ name, attributes }) => [name ?? '', attributes['session.id']] as const);
const events = (): unknown[] => logs.index.logs.map(({ name }) => name);

/** One turn; returns what it says of itself in all its places. */
function turn(options: ObserveOptions = {}, session: string | null = 'own-1', more: object = {}) {
  const told: RunInfo[] = [];
  const { tap, say, observation } = script({ loggerProvider, onRunStart: (run) => void told.push(run), ...options });
  tap.run('r', [], () =>
    say(
      { type: 'run.start', run: 'r', session: session ?? undefined, ...more },
      { type: 'run.end', run: 'r', outcome: ok },
    ),
  );
  return { told, runs: observation.runs(), say };
}

describe('run.start', () => {
  test('says the same in each of its places, and with the span', () => {
    const { told, runs } = withSession({ sessionId: 'conv-43', previousId: 'conv-42' }, () => turn());
    const root = tracing.capture.index.runs[0]!.root;
    const attributes = {
      'session.id': 'conv-43',
      'gen_ai.conversation.id': 'conv-43',
      'turnkeeper.session.source': 'context',
      'turnkeeper.engine.name': 'scripted',
      'turnkeeper.engine.session.id': 'own-1',
      'session.previous_id': 'conv-42',
    };
    const info = {
      session: { id: 'conv-43', source: 'context', previousId: 'conv-42' },
      engine: { name: 'scripted', sessionId: 'own-1' },
      turn: 1,
      traceId: root.traceId,
      spanId: root.spanId,
    };
    expect(root.attributes).toMatchObject(attributes);
    expect(root.events.map((event) => [event.name, event.attributes])).toEqual([['run.start', attributes]]);
    const log = logs.index.logs.find(({ name }) => name === 'run.start');
    expect(log).toMatchObject({ attributes, traceId: root.traceId, spanId: root.spanId });
    expect([told, published, runs]).toEqual([[info], [info], [info]]);
    expect(tracing.capture).toPassChecks();
  });

  test('comes once for each run, whatever its id is or comes from', () => {
    const all = [
      turn(),
      turn({ session: 'explicit-1' }),
      turn({}, null),
      turn({ fallback: 'generate' }, null),
      turn({ stampOnly: true }),
    ];
    expect(all.map(({ told }) => told.map(({ session }) => session.source))).toEqual([
      ['engine'],
      ['explicit'],
      [undefined],
      ['generated'],
      ['engine'],
    ]);
    expect(published).toHaveLength(5);
    expect(events().filter((name) => name === 'run.start')).toHaveLength(5);
    const [, , without, generated] = tracing.capture.index.runs;
    expect(without?.starts[0]?.attributes).toEqual({ 'turnkeeper.engine.name': 'scripted' });
    expect(generated?.starts[0]?.attributes).toEqual({
      'turnkeeper.engine.name': 'scripted',
      'turnkeeper.session.source': 'generated',
      'session.id': expect.stringMatching(/^[0-9a-f-]{36}$/),
    });
  });

  test('waits for a late id, and bears the time at which the run began', () => {
    const { say } = script({ loggerProvider });
    const at = Date.now() - 1_000;
    say({ type: 'run.start', run: 'r', at });
    expect([published, events()]).toEqual([[], []]);
    say({ type: 'session.bind', run: 'r', id: 'late-1' }, { type: 'run.end', run: 'r', outcome: ok });
    expect(published).toMatchObject([{ session: { id: 'late-1', source: 'engine' } }]);
    expect(emitted()).toEqual([
      ['session.start', 'late-1'],
      ['run.start', 'late-1'],
    ]);
    expect(logs.index.logs.map(({ time }) => Number(time / 1_000_000n))).toEqual([at, at]);
  });

  test('tells the turn: none of nested runs, upkeep and runs without a session', () => {
    const turns = [turn(), turn(), turn({}, 'own-1', { task: 'compact' }), turn({}, null)];
    expect(turns.map(({ told }) => told[0]?.turn)).toEqual([1, 2, undefined, undefined]);
  });

  test('goes on where a listener throws', () => {
    const onRunStart = (): never => {
      throw new Error('mine');
    };
    expect(turn({ onRunStart }).runs).toHaveLength(1);
    expect(tracing.diagnostics).toEqual([expect.stringContaining('onRunStart threw')]);
  });

  test('goes on where a listener is asynchronous, and says what it rejects with', async () => {
    const onRunStart = (): never => Promise.reject(new Error('mine')) as never;
    expect(turn({ onRunStart }).runs).toHaveLength(1);
    await expect.poll(() => tracing.diagnostics).toEqual([expect.stringContaining('onRunStart threw Error: mine')]);
  });
});

describe('session.start and session.end', () => {
  test('come once for each session that is seen, before its first run', () => {
    turn({}, 'own-1');
    turn({}, 'own-1');
    turn({}, 'own-2');
    expect(emitted()).toEqual([
      ['session.start', 'own-1'],
      ['run.start', 'own-1'],
      ['run.start', 'own-1'],
      ['session.start', 'own-2'],
      ['run.start', 'own-2'],
    ]);
    turn({}, null);
    expect(events().filter((name) => name === 'session.start')).toHaveLength(2);
  });

  test('say which session is continued: by an engine, by the caller, never the session itself, nor by a run inside', () => {
    turn({}, 'own-2', { previousSession: 'own-1' });
    withSession({ sessionId: 'conv-2', previousId: 'conv-1' }, () => turn());
    turn({}, 'own-3', { previousSession: 'own-3' });
    const { tap, say } = script({ loggerProvider });
    tap.run('outer', [], () => {
      say({ type: 'run.start', run: 'outer' }, { type: 'tool.start', run: 'outer', call: 't', tool: 'delegate' });
      tap.inside({ run: 'outer', call: 't' }, () =>
        tap.run('inner', [], () =>
          say({ type: 'run.start', run: 'inner', session: 'own-5', previousSession: 'own-6' }),
        ),
      );
      say({ type: 'session.bind', run: 'outer', id: 'own-4' }, { type: 'run.end', run: 'outer', outcome: ok });
    });
    const starts = logs.index.logs.filter(({ name }) => name === 'session.start');
    expect(starts.map(({ attributes }) => attributes)).toEqual([
      { 'session.id': 'own-2', 'session.previous_id': 'own-1' },
      { 'session.id': 'conv-2', 'session.previous_id': 'conv-1' },
      { 'session.id': 'own-3' },
      { 'session.id': 'own-4' },
    ]);
  });

  test('ends where an engine says so, under the id that the session has', () => {
    const { say, tap } = script({ loggerProvider });
    withSession('conv-42', () =>
      tap.run('r', [], () =>
        say({ type: 'run.start', run: 'r', session: 'own-1' }, { type: 'run.end', run: 'r', outcome: ok }),
      ),
    );
    say({ type: 'session.end', session: 'own-1' }, { type: 'session.end', session: 'own-1' });
    say({ type: 'session.end', session: 'unknown' });
    say(
      { type: 'run.start', run: 'late' },
      { type: 'session.bind', run: 'late', id: 'own-2' },
      { type: 'run.end', run: 'late', outcome: ok },
      { type: 'session.end', session: 'own-2' },
    );
    expect(emitted()).toEqual([
      ['session.start', 'conv-42'],
      ['run.start', 'conv-42'],
      ['session.end', 'conv-42'],
      ['session.start', 'own-2'],
      ['run.start', 'own-2'],
      ['session.end', 'own-2'],
    ]);
  });
});

describe('what else belongs to a session', () => {
  const session = {
    sessionId: 'conv-42',
    userId: 'u-7',
    applicationName: 'shop',
    attributes: { 'tenant.id': 't-1', experiment: 7, paying: true },
  };
  const carried = { 'session.id': 'conv-42', 'user.id': 'u-7', 'tenant.id': 't-1', experiment: 7, paying: true };

  test.each([
    ['withSession', (work: () => void) => withSession(session, work), {}],
    ['an option', (work: () => void) => work(), { session }],
  ])('is on every span of it, given to %s', (_name, around, options) => {
    around(() => {
      const { tap, say } = script(options);
      tap.run('r', [], () => {
        say({ type: 'run.start', run: 'r' }, { type: 'tool.start', run: 'r', call: 't', tool: 'look' });
        tap.inside({ run: 'r', call: 't' }, () => tracing.tracer.startSpan('SELECT').end());
        say({ type: 'tool.end', run: 'r', call: 't', outcome: ok }, { type: 'run.end', run: 'r', outcome: ok });
      });
    });
    expect(tracing.capture.spans).toHaveLength(3);
    for (const { attributes } of tracing.capture.spans) expect(attributes).toMatchObject(carried);
    const root = tracing.capture.index.runs[0]!.root;
    expect(root.attributes['turnkeeper.session.application']).toBe('shop');
  });

  test('is on its log events too, and nothing of another session that they are said in', () => {
    const other = { sessionId: 'conv-1', userId: 'u-1', attributes: { theirs: true } };
    const { say } = turn({ session });
    withSession(other, () => {
      turn({ session });
      say({ type: 'session.end', session: 'own-1' });
    });
    const names = ['session.start', 'run.start', 'run.start', 'session.end'];
    expect(events()).toEqual(names);
    for (const { attributes } of logs.index.logs) {
      expect(attributes).toMatchObject(carried);
      expect(attributes).not.toHaveProperty('theirs');
    }
  });

  test('is bounded and checked: what is no good is left out, with a line for each', () => {
    const many = Object.fromEntries(Array.from({ length: 20 }, (_, index) => [`k${index}`, index]));
    const bad = { sessionId: 'conv-42', userId: 'x'.repeat(129), applicationName: '', attributes: many };
    withSession(bad, () => tracing.tracer.startSpan('one').end());
    const strange: object = { list: [], long: 'x'.repeat(257), none: null, ['__proto__']: 'x', fine: 1 };
    Reflect.apply(withSession, undefined, [
      { sessionId: 'conv-43', attributes: strange },
      () => tracing.tracer.startSpan('two').end(),
    ]);
    const [one, two] = tracing.capture.spans;
    expect(Object.keys(one!.attributes)).toHaveLength(17);
    expect(one!.attributes).not.toHaveProperty(['user.id']);
    expect(two!.attributes).toEqual({ 'session.id': 'conv-43', fine: 1 });
    expect(tracing.diagnostics).toEqual([
      expect.stringContaining('userId of a session is ignored: it is longer'),
      expect.stringContaining('only the first 16 are kept'),
      expect.stringContaining('attributes["list"]'),
      expect.stringContaining('attributes["long"]'),
      expect.stringContaining('attributes["none"]'),
      expect.stringContaining('attributes["__proto__"]'),
    ]);
  });

  test('cannot take the place of the session’s own id', () => {
    withSession({ sessionId: 'conv-42', attributes: { 'session.id': 'other' } }, () =>
      tracing.tracer.startSpan('one').end(),
    );
    expect(tracing.capture.spans[0]?.attributes['session.id']).toBe('conv-42');
  });

  test('writes the id under further names, on every span of it', () => {
    const { tap, say } = script({ alsoAs: ['langfuse.session.id', 'thread'], session: 'conv-42' });
    tap.run('r', [], () => {
      say({ type: 'run.start', run: 'r' });
      trace.getTracer('db').startSpan('SELECT').end();
      say({ type: 'run.end', run: 'r', outcome: ok });
    });
    for (const { attributes } of tracing.capture.spans) {
      expect(attributes).toMatchObject({ 'langfuse.session.id': 'conv-42', thread: 'conv-42' });
    }
    expect(tracing.capture.spans).toHaveLength(2);
  });
});

test('a session that is bound inside another one, inside a run, names the one of the run, which spans carry', () => {
  const outer = script();
  const bound = script();
  const attached = script({ session: { sessionId: 'd' } });
  outer.tap.run('o', [], () => {
    outer.say(
      { type: 'run.start', run: 'o', session: 'a' },
      { type: 'tool.start', run: 'o', call: 't', tool: 'delegate' },
    );
    outer.tap.inside({ run: 'o', call: 't' }, () =>
      withSession('b', () => {
        withSession('c', () => nested(bound));
        nested(attached);
        tracing.tracer.startActiveSpan('request', (span) => {
          withSession('c', () => nested(bound));
          span.end();
        });
      }),
    );
    outer.say({ type: 'tool.end', run: 'o', call: 't', outcome: ok }, { type: 'run.end', run: 'o', outcome: ok });
  });
  const parents = tracing.capture.index.runs.map(({ root, session }) => [
    session,
    root.attributes['turnkeeper.session.parent_id'],
  ]);
  expect(parents).toEqual([
    ['a', undefined],
    ['c', 'a'],
    ['d', 'a'],
    ['c', 'a'],
  ]);
  expect(tracing.capture).toPassChecks();
});

function nested({ tap, say }: ReturnType<typeof script>): void {
  tap.run('i', [], () => say({ type: 'run.start', run: 'i' }, { type: 'run.end', run: 'i', outcome: ok }));
}

test('a child session inside another says so on all its spans, also where the other is known later', () => {
  const outer = script();
  const inner = script({ session: { sessionId: 'child-1' } });
  outer.say({ type: 'run.start', run: 'o' }, { type: 'tool.start', run: 'o', call: 't', tool: 'delegate' });
  outer.tap.inside({ run: 'o', call: 't' }, () =>
    inner.tap.run('i', [], () => {
      inner.say({ type: 'run.start', run: 'i' });
      tracing.tracer.startSpan('early').end();
      outer.say({ type: 'session.bind', run: 'o', id: 'late-1' });
      tracing.tracer.startSpan('SELECT').end();
      inner.say({ type: 'run.end', run: 'i', outcome: ok });
    }),
  );
  outer.say({ type: 'tool.end', run: 'o', call: 't', outcome: ok }, { type: 'run.end', run: 'o', outcome: ok });
  const parents = tracing.capture.spans
    .filter(({ attributes }) => attributes['session.id'] === 'child-1')
    .map(({ name, attributes }) => [name, attributes['turnkeeper.session.parent_id']]);
  expect(Object.entries(Object.fromEntries(parents)).toSorted(([a], [b]) => a.localeCompare(b))).toEqual([
    ['early', 'late-1'],
    ['invoke_agent scripted', 'late-1'],
    ['SELECT', 'late-1'],
  ]);
  expect(tracing.capture).toPassChecks();
});
