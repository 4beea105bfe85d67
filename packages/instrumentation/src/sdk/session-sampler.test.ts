import { randomUUID } from 'node:crypto';
import { ROOT_CONTEXT, SpanKind, trace, TraceFlags } from '@opentelemetry/api';
import { RandomIdGenerator } from '@opentelemetry/sdk-trace-base';
import '@turnkeeper/check/vitest';
import { afterEach, describe, expect, test } from 'vitest';
import { withSession } from '../session/active-session.ts';
import { script } from '../testing/scripted.ts';
import { startTracing, type Tracing } from '../testing/tracing.ts';
import { SessionSampler } from './session-sampler.ts';

const ok = { kind: 'ok' } as const;
let tracing: Tracing | undefined;
afterEach(() => tracing?.[Symbol.dispose]());

const keeps = (sampler: SessionSampler, sessionId: string): boolean =>
  sampler.shouldSample(ROOT_CONTEXT, 'f'.repeat(32), 'n', SpanKind.INTERNAL, { 'session.id': sessionId }, [])
    .decision === 2;

describe('the share of sessions that a SessionSampler keeps', () => {
  const total = 100_000;
  const kinds: Readonly<Record<string, (index: number) => string>> = {
    'random ids': () => randomUUID(),
    'ids that count': (index) => `conv-${index}`,
    'long ids that differ at the end': (index) => `${'tenant/'.repeat(15)}${index}`,
    'ids that differ at the start': (index) => `${index}-of-the-same-batch-and-day`,
    'ids in other alphabets': (index) => `会話${index}📎`,
  };
  test.each(Object.keys(kinds).flatMap((kind) => [0.01, 0.1, 0.25, 0.5, 0.9].map((ratio) => [kind, ratio] as const)))(
    'of %s is within 1 %% of %d over 100,000 of them',
    (kind, ratio) => {
      const sampler = new SessionSampler({ ratio });
      let kept = 0;
      for (let index = 0; index < total; index++) if (keeps(sampler, kinds[kind]!(index))) kept++;
      expect(Math.abs(kept / total - ratio)).toBeLessThan(0.01);
    },
  );

  test('is all at 1 and none at 0', () => {
    for (let index = 0; index < 1_000; index++) {
      expect(keeps(new SessionSampler({ ratio: 1 }), `conv-${index}`)).toBe(true);
      expect(keeps(new SessionSampler({ ratio: 0 }), `conv-${index}`)).toBe(false);
    }
  });

  test('is of the same sessions in every process, and grows with the ratio', () => {
    const [few, more] = [new SessionSampler({ ratio: 0.2 }), new SessionSampler({ ratio: 0.6 })];
    const ids = Array.from({ length: 1_000 }, (_, index) => `conv-${index}`);
    for (const id of ids) expect(keeps(few, id) && !keeps(more, id)).toBe(false);
    // Written down, so that a change of the hash, after which processes would disagree, is seen.
    expect(ids.filter((id) => keeps(few, id)).slice(0, 8)).toMatchInlineSnapshot(`
      [
        "conv-1",
        "conv-11",
        "conv-13",
        "conv-14",
        "conv-24",
        "conv-27",
        "conv-30",
        "conv-46",
      ]
    `);
  });

  test.each([-0.1, 1.1, Number.NaN, '0.5', undefined])('cannot be %j', (ratio) => {
    expect(() => Reflect.construct(SessionSampler, [])).toThrow('not undefined');
    expect(() => Reflect.construct(SessionSampler, [{ ratio }])).toThrow(
      expect.objectContaining({ code: 'invalid-option' }),
    );
    expect(() => Reflect.construct(SessionSampler, [{ ratio }])).toThrow(
      ratio === '0.5' ? 'not "0.5".' : `not ${ratio}.`,
    );
  });
});

describe('all turns of a session', () => {
  test('are kept or dropped together, with everything in them', () => {
    tracing = startTracing({ sampler: new SessionSampler({ ratio: 0.5 }) });
    const { tracer, capture } = tracing;
    const { tap, say } = script();
    for (let turn = 0; turn < 3; turn++) {
      for (let session = 0; session < 40; session++) {
        withSession(`conv-${session}`, () =>
          tap.run('r', [], () => {
            say({ type: 'run.start', run: 'r' });
            tracer.startSpan('SELECT').end();
            say({ type: 'run.end', run: 'r', outcome: ok });
          }),
        );
      }
    }
    const { sessions } = capture.index;
    expect(sessions.size).toBeGreaterThan(10);
    expect(sessions.size).toBeLessThan(30);
    for (const id of sessions.keys()) expect(capture).toHaveSession(id, { turns: 3 });
    expect(capture.spans).toHaveLength(sessions.size * 6);
    expect(capture).toPassChecks();
  });

  test('by an engine’s own id too, which is known at the start', () => {
    tracing = startTracing({ sampler: new SessionSampler({ ratio: 0.5 }) });
    const { say } = script();
    for (let turn = 0; turn < 2; turn++) {
      for (let session = 0; session < 20; session++) {
        const run = `${session}/${turn}`;
        say({ type: 'run.start', run, session: `own-${session}` }, { type: 'run.end', run, outcome: ok });
      }
    }
    for (const id of tracing.capture.index.sessions.keys()) expect(tracing.capture).toHaveSession(id, { turns: 2 });
    expect(tracing.capture.index.sessions.size).toBeGreaterThan(3);
    expect(tracing.capture.index.sessions.size).toBeLessThan(17);
  });
});

test('a span that another instrumentation gives an id of its own is kept or dropped with its session', () => {
  const sampler = new SessionSampler({ ratio: 0.5 });
  tracing = startTracing({ sampler });
  const { tracer, capture } = tracing;
  const ids = Array.from({ length: 20 }, (_, index) => `conv-${index}`);
  for (const id of ids) {
    withSession(id, () => {
      for (const other of ids) tracer.startSpan('POST', { attributes: { 'session.id': other } }).end();
    });
  }
  const kept = ids.filter((id) => keeps(sampler, id));
  expect(capture.spans).toHaveLength(kept.length * ids.length);
  expect(new Set(capture.spans.map(({ attributes }) => attributes['session.id']))).toEqual(new Set(kept));
});

describe('below a span', () => {
  const under = (traceFlags: TraceFlags, sessionId: string): boolean => {
    const parent = trace.setSpanContext(ROOT_CONTEXT, { traceId: 'a'.repeat(32), spanId: 'b'.repeat(16), traceFlags });
    return (
      new SessionSampler({ ratio: 0.5 }).shouldSample(
        parent,
        'a'.repeat(32),
        'n',
        SpanKind.INTERNAL,
        { 'session.id': sessionId },
        [],
      ).decision === 2
    );
  };

  test('what was decided for it holds, in this process or another', () => {
    for (let session = 0; session < 20; session++) {
      expect(under(TraceFlags.SAMPLED, `conv-${session}`)).toBe(true);
      expect(under(TraceFlags.NONE, `conv-${session}`)).toBe(false);
    }
  });
});

test('without a session, the trace id decides, at the same ratio', () => {
  const sampler = new SessionSampler({ ratio: 0.25 });
  const generator = new RandomIdGenerator();
  let kept = 0;
  for (let index = 0; index < 100_000; index++) {
    const traceId = generator.generateTraceId();
    const { decision } = sampler.shouldSample(ROOT_CONTEXT, traceId, 'n', SpanKind.INTERNAL, {}, []);
    expect(decision).toBe(sampler.shouldSample(ROOT_CONTEXT, traceId, 'm', SpanKind.CLIENT, {}, []).decision);
    if (decision === 2) kept++;
  }
  expect(Math.abs(kept / 100_000 - 0.25)).toBeLessThan(0.01);
  expect(sampler.toString()).toBe('SessionSampler{0.25}');
});
