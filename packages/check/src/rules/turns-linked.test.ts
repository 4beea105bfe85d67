import { describe, expect, it } from 'vitest';
import { captureRecords } from '../capture.ts';
import { chat, judge, other, spansOf, tool, turn } from '../testing/spans.ts';
import { turnsLinked as rule } from './turns-linked.ts';

const compaction = other('compact', { engine: 'pi', session: 'conv-42' }, [chat()]);

describe('turns-linked', () => {
  it('finds a turn without a link to the one before', () => {
    expect(judge(rule, turn('conv-42'), turn('conv-42'))).toEqual([
      'Turn 2 of session "conv-42", "invoke_agent pi", has no link to the turn before it in this process.',
    ]);
  });

  it('finds a turn that skips the one before', () => {
    const turns = [turn('a', { label: '1' }), turn('a', { label: '2', links: ['1'] }), turn('a', { links: ['1'] })];
    expect(judge(rule, ...turns)).toHaveLength(1);
  });

  it('finds a turn that links to itself, or in another way than to the turn before', () => {
    expect(judge(rule, turn('a'), turn('a', { label: '2', links: ['2'] }))).toHaveLength(1);
    const spans = spansOf(turn('a', { label: '1' }), turn('a', { links: ['1'] })).map((span) => ({
      ...span,
      links: span.links.map((link) => ({ ...link, attributes: {} })),
    }));
    expect([...rule.judge(captureRecords({ spans }).index)]).toHaveLength(1);
  });

  it('knows a process by what is said of it, in whatever order', () => {
    const resource = { 'process.pid': 7, 'service.name': 'shop' };
    expect(judge(rule, turn('a'), turn('a', { resource }))).toHaveLength(1);
  });

  it('finds an unlinked turn while turns of another session run in between', () => {
    expect(judge(rule, turn('a'), turn('b'), turn('a'))).toHaveLength(1);
  });

  it('accepts a chain of turns, and the first one without a link', () => {
    const turns = [turn('a', { label: '1' }), turn('a', { label: '2', links: ['1'] }), turn('a', { links: ['2'] })];
    expect(judge(rule, ...turns)).toEqual([]);
  });

  it('accepts turns that share a trace', () => {
    expect(judge(rule, other('batch', {}, [turn('a'), turn('a')]))).toEqual([]);
  });

  it('asks for no link to a turn in another process', () => {
    const resource = { 'service.name': 'shop', 'process.pid': 8 };
    expect(judge(rule, turn('a'), turn('a', { resource }))).toEqual([]);
  });

  it('accepts a link to a turn of another process that came in between', () => {
    const resource = { 'service.name': 'shop', 'process.pid': 8 };
    expect(judge(rule, turn('a'), turn('a', { label: '2', resource }), turn('a', { links: ['2'] }))).toEqual([]);
  });

  it('passes over tasks such as a compaction, and over enclosed runs', () => {
    const first = turn('conv-42', { label: '1' }, [tool({}, [turn('conv-42')])]);
    expect(judge(rule, first, compaction, turn('conv-42', { links: ['1'] }))).toEqual([]);
  });

  it('accepts overlapping turns that both follow the same one', () => {
    const found = judge(
      rule,
      turn('a', { label: '1' }),
      turn('a', { label: '2', links: ['1'], start: 0, end: 5_000 }),
      turn('a', { links: ['1'] }),
    );
    expect(found).toEqual([]);
  });

  it('accepts turns that overlap from the first one on, and follow it', () => {
    const found = judge(
      rule,
      turn('a', { label: '1', start: 0, end: 9_000 }),
      turn('a', { links: ['1'], start: 0, end: 9_000 }),
      turn('a', { links: ['1'] }),
    );
    expect(found).toEqual([]);
  });

  it('accepts a link to a turn that the input lacks', () => {
    expect(judge(rule, turn('a'), turn('a', { links: ['absent'] }))).toEqual([]);
  });
});
