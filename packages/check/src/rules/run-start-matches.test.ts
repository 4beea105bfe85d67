import { describe, expect, it } from 'vitest';
import { judge, other, tool, turn } from '../testing/spans.ts';
import { runStartMatches as rule } from './run-start-matches.ts';

describe('run-start-matches', () => {
  it('finds a run without the event', () => {
    expect(judge(rule, turn('conv-42', { starts: [] }))).toEqual(['The run "invoke_agent pi" has no run.start event.']);
  });

  it('finds a run with two of them', () => {
    const starts = [{ 'session.id': 'conv-42' }, { 'session.id': 'conv-42' }];
    expect(judge(rule, turn('conv-42', { starts }))).toEqual(['The run "invoke_agent pi" has 2 run.start events.']);
  });

  it('finds an event with another session, or without one', () => {
    expect(judge(rule, turn('conv-42', { starts: [{ 'session.id': 'engine-1' }] }))).toEqual([
      'run.start of "invoke_agent pi" says session.id "engine-1", the span "conv-42".',
    ]);
    expect(judge(rule, turn('conv-42', { starts: [{}] }))).toHaveLength(1);
  });

  it('finds an event with another conversation', () => {
    const starts = [{ 'session.id': 'conv-42', 'gen_ai.conversation.id': 'conv-43' }];
    expect(judge(rule, turn('conv-42', { starts }))).toHaveLength(1);
  });

  it('accepts one event with the ids of the span, in enclosed runs too', () => {
    const starts = [{ 'session.id': 'conv-42', 'gen_ai.conversation.id': 'conv-42' }];
    expect(judge(rule, turn('conv-42', { starts }, [tool({}, [turn('conv-42')])]))).toEqual([]);
  });

  it('accepts a run without any id, whether or not it says run.start', () => {
    expect(judge(rule, turn(null, { starts: [] }), turn(null, { starts: [{}] }))).toEqual([]);
  });

  it('asks for no event on spans that begin no run', () => {
    expect(judge(rule, other('invoke_agent sub', { session: 'conv-42' }))).toEqual([]);
  });
});
