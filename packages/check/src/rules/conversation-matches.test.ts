import { describe, expect, it } from 'vitest';
import { chat, judge, other, tool, turn } from '../testing/spans.ts';
import { conversationMatches as rule } from './conversation-matches.ts';

const conversation = (id: string | undefined) => ({ attributes: { 'gen_ai.conversation.id': id } });

describe('conversation-matches', () => {
  it('finds a model call that names another conversation', () => {
    expect(judge(rule, turn('conv-42', {}, [chat(conversation('engine-1'))]))).toEqual([
      'Span "chat m1" carries conversation "engine-1", but session "conv-42".',
    ]);
  });

  it('finds a stamped GenAI span without a conversation, outside a run too', () => {
    expect(judge(rule, turn('conv-42', conversation(undefined), []))).toHaveLength(1);
    expect(judge(rule, other('job', { session: 'conv-42' }, [chat(conversation(undefined))]))).toHaveLength(1);
  });

  it('finds a generated id that is given out as a conversation', () => {
    const root = turn('gen-1', { attributes: { 'turnkeeper.session.source': 'generated' } }, []);
    expect(judge(rule, root)).toEqual([
      'Span "invoke_agent pi" gives the generated session id "gen-1" out as a conversation.',
    ]);
  });

  it('accepts a generated session without a conversation', () => {
    const source = { 'turnkeeper.session.source': 'generated', 'gen_ai.conversation.id': undefined };
    expect(judge(rule, turn('gen-1', { attributes: source }, [chat(conversation(undefined))]))).toEqual([]);
  });

  it('accepts another conversation that run.start declares', () => {
    const starts = [{ 'session.id': 'conv-42', 'gen_ai.conversation.id': 'branch-2' }];
    expect(judge(rule, turn('conv-42', { starts, ...conversation('branch-2') }, []))).toEqual([]);
  });

  it('asks for no conversation on tools, on other spans, and where nobody gave an id', () => {
    expect(judge(rule, turn('conv-42', {}, [tool({}, [other('GET')])]))).toEqual([]);
    expect(judge(rule, turn(null, {}, [chat()]))).toEqual([]);
  });
});
