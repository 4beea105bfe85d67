import { describe, expect, it } from 'vitest';
import { chat, judge, other, tool, turn } from '../testing/spans.ts';
import { oneSessionPerRun as rule } from './one-session-per-run.ts';

describe('one-session-per-run', () => {
  it('finds a span that carries another id than the root of its run', () => {
    const found = judge(rule, turn('conv-42', {}, [tool({}, [other('GET', { session: 'engine-1' })])]));
    expect(found).toEqual([
      'Span "GET" carries session "engine-1", but the root of its run, "invoke_agent pi", carries "conv-42".',
    ]);
  });

  it('finds an id that a span declares as child of a session which is not above it', () => {
    const child = tool({ session: 'child', attributes: { 'turnkeeper.session.parent_id': 'conv-43' } });
    expect(judge(rule, turn('conv-42', {}, [child]))).toHaveLength(1);
  });

  it('accepts a child session that declares its parent, and a child of that child', () => {
    const inner = chat({ session: 'inner', attributes: { 'turnkeeper.session.parent_id': 'child' } });
    const child = tool({ session: 'child', attributes: { 'turnkeeper.session.parent_id': 'conv-42' } }, [inner]);
    expect(judge(rule, turn('conv-42', {}, [child]))).toEqual([]);
  });

  it('looks for the session that a child declares as far up as the root of its run', () => {
    const child = chat({ session: 'child', attributes: { 'turnkeeper.session.parent_id': 'conv-42' } });
    expect(judge(rule, turn('conv-42', {}, [tool({ session: null }, [child])]))).toEqual([]);
    const inner = turn('conv-43', { attributes: { 'turnkeeper.session.parent_id': 'conv-42' } }, [child]);
    expect(judge(rule, turn('conv-42', {}, [tool({}, [inner])]))).toHaveLength(1);
  });

  it('accepts several sessions side by side under one span of the caller', () => {
    expect(judge(rule, other('batch', {}, [turn('conv-1'), turn('conv-2')]))).toEqual([]);
  });

  it('judges an enclosed run by its own root', () => {
    expect(judge(rule, turn('conv-1', {}, [tool({}, [turn('conv-2')])]))).toEqual([]);
  });

  it('leaves spans without an id to every-span-stamped, a root too', () => {
    expect(judge(rule, turn('conv-42', {}, [other('GET', { session: null })]))).toEqual([]);
    expect(judge(rule, turn(null, {}, [other('GET', { session: 'conv-42' })]))).toEqual([]);
  });
});
