import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Run } from '../span-index.ts';
import { captureOf, turn } from '../testing/spans.ts';
import { EndedTurns } from './ended-turns.ts';

function turnsAt(times: readonly (readonly [start: number, length: number])[]): readonly Run[] {
  const traces = times.map(([start, length]) => turn('a', { start, end: start + length }, []));
  return captureOf(traces).index.runs;
}

describe('EndedTurns', () => {
  it('finds what looking back from each turn finds, also where turns end before they begin', () => {
    const time = fc.tuple(fc.nat(6), fc.integer({ min: -3, max: 6 }));
    fc.assert(
      fc.property(fc.array(time, { maxLength: 12 }), (times) => {
        const turns = turnsAt(times);
        const ended = new EndedTurns(turns);
        for (const [position, one] of turns.entries()) {
          const wanted = turns.slice(0, position).findLast(({ root }) => root.end <= one.root.start);
          expect(ended.lastBefore(one, position)).toBe(wanted);
        }
      }),
    );
  });

  it('looks at each turn a few times, however many there are and however they overlap', () => {
    let looks = 0;
    const turns = turnsAt(Array.from({ length: 2_000 }, (_, at) => [at, 5_000])).map((run) => ({
      ...run,
      get root() {
        looks += 1;
        return run.root;
      },
    }));
    const ended = new EndedTurns(turns);
    for (const [position, one] of turns.entries()) ended.lastBefore(one, position);
    expect(looks).toBeLessThan(10 * turns.length);
  });
});
