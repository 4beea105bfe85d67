import { describe, expect, it } from 'vitest';
import { judge, other, turn } from '../testing/spans.ts';
import { noOrphans as rule } from './no-orphans.ts';

describe('no-orphans', () => {
  it('finds a span whose parent is not there', () => {
    expect(judge(rule, other('GET', { parent: 'missing' }))).toEqual([
      'The parent ffffffffffffffff of span "GET" is missing from the input.',
    ]);
  });

  it('reports a missing parent once, however many spans it had', () => {
    expect(judge(rule, [other('GET', { parent: 'missing' }), other('PUT', { parent: 'missing' })])).toEqual([
      'The parent ffffffffffffffff of span "GET" (and that of 1 more) is missing from the input.',
    ]);
  });

  it('finds a missing parent where nothing says that it is remote, unless the span is how a call comes in', () => {
    expect(judge(rule, other('GET', { parent: 'unknown' }))).toHaveLength(1);
    expect(judge(rule, other('POST /chat', { parent: 'unknown', kind: 'server' }))).toEqual([]);
    expect(judge(rule, other('take', { parent: 'unknown', kind: 'consumer' }))).toEqual([]);
  });

  it('finds the missing parent of a server span that says that its parent is in this process', () => {
    expect(judge(rule, other('POST /chat', { parent: 'missing', kind: 'server' }))).toHaveLength(1);
  });

  it('accepts a parent in another process, and spans that have none', () => {
    expect(judge(rule, turn('conv-42', { parent: 'remote' }), turn('conv-42'))).toEqual([]);
  });
});
