import { describe, expect, it } from 'vitest';
import { captureRecords } from '../capture.ts';
import { judge, spansOf, turn } from '../testing/spans.ts';
import { sampledWhole as rule } from './sampled-whole.ts';

describe('sampled-whole', () => {
  it('finds a turn whose turn before is not there', () => {
    expect(judge(rule, turn('conv-42'), turn('conv-42', { links: ['absent'] }))).toEqual([
      `The turn before "invoke_agent pi" of session "conv-42" is in trace ${'e'.repeat(32)}, which the input lacks.`,
    ]);
  });

  it('accepts a link of another kind to a trace that is not there', () => {
    const [root, ...rest] = spansOf(turn('conv-42', { links: ['absent'] }));
    const links = root!.links.map((link) => ({ ...link, attributes: {} }));
    expect([...rule.judge(captureRecords({ spans: [{ ...root!, links }, ...rest] }).index)]).toEqual([]);
  });

  it('accepts a chain of turns from its beginning', () => {
    expect(judge(rule, turn('a', { label: '1' }), turn('a', { links: ['1'] }))).toEqual([]);
  });
});
