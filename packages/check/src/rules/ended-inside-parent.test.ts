import { describe, expect, it } from 'vitest';
import { captureRecords } from '../capture.ts';
import { judge, other, spansOf, turn } from '../testing/spans.ts';
import { endedInsideParent as rule } from './ended-inside-parent.ts';

describe('ended-inside-parent', () => {
  it('finds a span that ends after its parent', () => {
    expect(judge(rule, other('a', { start: 0, end: 10 }, [other('b', { start: 1, end: 15 })]))).toEqual([
      'Span "b" ends 5 ms after its parent "a".',
    ]);
  });

  it('finds a span that starts before its parent', () => {
    expect(judge(rule, other('a', { start: 10, end: 20 }, [other('b', { start: 6, end: 15 })]))).toEqual([
      'Span "b" starts 4 ms before its parent "a".',
    ]);
  });

  it('knows a process whose attributes stand in another order', () => {
    const [own, again] = [
      { 'service.name': 'shop', 'process.pid': 7 },
      { 'process.pid': 7, 'service.name': 'shop' },
    ];
    const late = other('b', { start: 1, end: 15, resource: again });
    expect(judge(rule, other('a', { start: 0, end: 10, resource: own }, [late]))).toHaveLength(1);
  });

  it('accepts 2 ms: start times are cut off to the millisecond', () => {
    expect(judge(rule, other('a', { start: 10, end: 20 }, [other('b', { start: 8, end: 22 })]))).toEqual([]);
  });

  it('accepts what happens in another process, or is taken up from a queue', () => {
    const resource = { 'service.name': 'stock' };
    const late = { start: 100, end: 200 };
    expect(judge(rule, other('a', { start: 0, end: 10 }, [other('b', { ...late, resource })]))).toEqual([]);
    expect(judge(rule, other('a', { start: 0, end: 10 }, [other('b', { ...late, kind: 'consumer' })]))).toEqual([]);
    const sent = other('a', { start: 0, end: 10, kind: 'producer' }, [other('b', late)]);
    expect(judge(rule, sent)).toEqual([]);
    const called = spansOf(other('a', { start: 0, end: 10 }, [other('b', late)]));
    const spans = called.map((span) => ({ ...span, parentIsRemote: span.name === 'b' }));
    expect([...rule.judge(captureRecords({ spans }).index)]).toEqual([]);
  });

  it('knows a process by what is said of it, as in two batches of one file', () => {
    const resource = (): object => ({ 'service.name': 'stock' });
    const child = other('b', { start: 1, end: 15, resource: { ...resource() } });
    expect(judge(rule, other('a', { start: 0, end: 10, resource: { ...resource() } }, [child]))).toHaveLength(1);
  });

  it('accepts turns of one session that overlap', () => {
    const turns = [turn('a', { start: 0, end: 50 }, []), turn('a', { start: 10, end: 90 }, [])];
    expect(judge(rule, other('batch', { start: 0, end: 100 }, turns))).toEqual([]);
    expect(judge(rule, ...turns)).toEqual([]);
  });
});
