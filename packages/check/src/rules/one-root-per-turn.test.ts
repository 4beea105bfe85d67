import { describe, expect, it } from 'vitest';
import { captureRecords } from '../capture.ts';
import { chat, judge, other, spansOf, tool, turn } from '../testing/spans.ts';
import { oneRootPerTurn as rule } from './one-root-per-turn.ts';

const compaction = other('compact', { engine: 'pi', session: 'conv-42' }, [chat()]);

describe('one-root-per-turn', () => {
  it('finds two roots at the top of one trace, as after a retry', () => {
    expect(judge(rule, [turn('conv-42'), turn('conv-42')])).toEqual([
      'The run "invoke_agent pi" begins in the trace of "invoke_agent pi", of the same engine and session, and nothing of the caller is between them.',
    ]);
  });

  it('finds a second root right below the first, or below its model call', () => {
    expect(judge(rule, turn('conv-42', {}, [turn('conv-42')]))).toHaveLength(1);
    expect(judge(rule, turn('conv-42', {}, [chat({}, [turn('conv-42')])]))).toHaveLength(1);
  });

  it('finds a compaction that made a root of its own inside the run', () => {
    expect(judge(rule, turn('conv-42', {}, [compaction]))).toHaveLength(1);
  });

  it('accepts an enclosed run under a tool, or under an agent', () => {
    const agent = other('invoke_agent sub', { attributes: { 'gen_ai.operation.name': 'invoke_agent' } }, [
      turn('conv-42'),
    ]);
    expect(judge(rule, turn('conv-42', {}, [tool({}, [turn('conv-42')]), agent]))).toEqual([]);
  });

  it('accepts two turns under one span of the caller, one after another or at once', () => {
    expect(judge(rule, other('batch', {}, [turn('conv-42'), turn('conv-42')]))).toEqual([]);
    const concurrent = [turn('conv-42', { start: 1, end: 9 }), turn('conv-42', { start: 2, end: 8 })];
    expect(judge(rule, other('batch', {}, [other('work', {}, concurrent)]))).toEqual([]);
  });

  it('accepts two roots whose caller is in another process', () => {
    expect(judge(rule, [turn('conv-42', { parent: 'remote' }), turn('conv-42', { parent: 'remote' })])).toEqual([]);
  });

  it.each(['chat m1', 'invoke_agent pi'])('comes to an end where parents form a ring: %s is its own', (name) => {
    const spans = spansOf(chat({}, [turn('conv-42', {}, [])]));
    const ring = spans.map((span) => (span.name === name ? { ...span, parentSpanId: span.spanId } : span));
    expect([...rule.judge(captureRecords({ spans: ring }).index)]).toEqual([]);
  });

  it('accepts roots of two engines, of two sessions, and of two traces', () => {
    expect(judge(rule, turn('conv-42', {}, [turn('conv-42', { engine: 'acp' })]))).toEqual([]);
    expect(judge(rule, [turn('conv-42'), turn('conv-43')])).toEqual([]);
    expect(judge(rule, turn('conv-42'), turn('conv-42'))).toEqual([]);
  });
});
