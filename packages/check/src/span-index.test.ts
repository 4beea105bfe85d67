import { describe, expect, it } from 'vitest';
import { captureRecords } from './capture.ts';
import { spansOf, turn } from './testing/spans.ts';

describe('the index of spans', () => {
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
