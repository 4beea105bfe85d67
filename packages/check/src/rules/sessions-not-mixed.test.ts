import { describe, expect, it } from 'vitest';
import { judge, other, type SpanLiteral, tool, turn } from '../testing/spans.ts';
import { sessionsNotMixed as rule } from './sessions-not-mixed.ts';

describe('sessions-not-mixed', () => {
  it("finds a run that hangs under another session's run", () => {
    expect(judge(rule, turn('conv-1', {}, [tool({}, [turn('conv-2')])]))).toEqual([
      'The run "invoke_agent pi" of session "conv-2" hangs under "invoke_agent pi", a run of session "conv-1", and does not declare it.',
    ]);
  });

  it("finds it also where a run without an id is between them, unless it declares the outer run's session", () => {
    const around = (inner: SpanLiteral) => turn('conv-1', {}, [tool({}, [turn(null, {}, [tool({}, [inner])])])]);
    expect(judge(rule, around(turn('conv-2')))).toEqual([
      'The run "invoke_agent pi" of session "conv-2" hangs under "invoke_agent pi", a run of session "conv-1", and does not declare it.',
    ]);
    const attributes = { 'turnkeeper.session.parent_id': 'conv-1' };
    expect(judge(rule, around(turn('conv-2', { attributes })))).toEqual([]);
    expect(judge(rule, around(turn('conv-1')))).toEqual([]);
  });

  it('finds a link to a turn of another session', () => {
    expect(judge(rule, turn('conv-1', { label: 'a' }), turn('conv-2', { links: ['a'] }))).toEqual([
      'The run "invoke_agent pi" of session "conv-2" links to "invoke_agent pi" of session "conv-1" as its turn before.',
    ]);
  });

  it('accepts a child session that declares the one that encloses it', () => {
    const child = turn('conv-2', { attributes: { 'turnkeeper.session.parent_id': 'conv-1' } });
    expect(judge(rule, turn('conv-1', {}, [tool({}, [child])]))).toEqual([]);
  });

  it('finds a child session that declares another one than that which encloses it', () => {
    const child = turn('conv-2', { attributes: { 'turnkeeper.session.parent_id': 'conv-3' } });
    expect(judge(rule, turn('conv-1', {}, [tool({}, [child])]))).toHaveLength(1);
  });

  it('accepts a link to a session that this one says it continues', () => {
    const next = turn('conv-2', { links: ['a'], attributes: { 'session.previous_id': 'conv-1' } });
    expect(judge(rule, turn('conv-1', { label: 'a' }), next)).toEqual([]);
  });

  it('accepts a link of a session that continues another to a turn that the input lacks, or that names no session', () => {
    const attributes = { 'session.previous_id': 'conv-1' };
    expect(judge(rule, turn('conv-2', { links: ['absent'], attributes }))).toEqual([]);
    expect(judge(rule, turn(null, { label: 'a' }), turn('conv-2', { links: ['a'], attributes }))).toEqual([]);
  });

  it('accepts interleaved turns of two sessions, each linked to its own', () => {
    const found = judge(
      rule,
      turn('a', { label: 'a1' }),
      turn('b', { label: 'b1' }),
      turn('a', { links: ['a1'] }),
      turn('b', { links: ['b1'] }),
    );
    expect(found).toEqual([]);
  });

  it('accepts a batch: several sessions in one trace under a span of the caller', () => {
    expect(judge(rule, other('batch', {}, [turn('conv-1'), turn('conv-2')]))).toEqual([]);
  });

  it('accepts an enclosed run of the same session, and a link to a turn that the input lacks', () => {
    expect(judge(rule, turn('conv-1', { links: ['absent'] }, [tool({}, [turn('conv-1')])]))).toEqual([]);
  });
});
