import { describe, expect, it } from 'vitest';
import { captureRecords } from './capture.ts';
import { check } from './check.ts';
import { captureOf, chat, other, spansOf, tool, turn } from './testing/spans.ts';

describe('the index of spans', () => {
  it('is the same from wherever parents that form a ring are read first', () => {
    const spans = spansOf(turn('a', {}, [tool({ session: null }, [turn('a', {}, [chat({ session: null })])])]));
    const last = spans.find(({ parentSpanId }) => parentSpanId === spans[1]?.spanId);
    const ring = spans.map((span, at) => (at === 0 ? { ...span, parentSpanId: last?.spanId } : span));
    const read = ring.map((_, at) => captureRecords({ spans: [...ring.slice(at), ...ring.slice(0, at)] }));
    for (const capture of read) {
      expect(capture.index.runs.map(({ parent }) => parent)).toEqual([undefined, undefined]);
      expect(check(capture)).toEqual(check(read[0]!));
    }
    expect(check(read[0]!).map(({ rule }) => rule)).toContain('every-span-stamped');
  });

  it('has the runs of each session, none of a session that only spans outside of every run name', () => {
    const { sessions } = captureOf(other('GET', { session: 'a' }), turn('b'), turn(null), turn('b')).index;
    expect([...sessions].map(([session, runs]) => [session, runs.length])).toEqual([
      ['a', 0],
      ['b', 2],
    ]);
  });

  it('is worked out for runs within runs, however many, each of which says it began before the one around it', () => {
    const [root] = spansOf(turn('a', {}, []));
    const idOf = (at: number) => `b${at.toString(16).padStart(15, '0')}`;
    const spans = Array.from({ length: 20_000 }, (_, at) => ({
      ...root!,
      spanId: idOf(at),
      parentSpanId: at === 0 ? undefined : idOf(at - 1),
      start: root!.start - BigInt(at),
    }));
    const { runs } = captureRecords({ spans }).index;
    expect(runs).toHaveLength(spans.length);
    expect(runs[0]?.parent).toBe(runs[1]);
  });
});
