import { describe, expect, it } from 'vitest';
import { chat, judge, turn } from '../testing/spans.ts';
import { idWellFormed as rule } from './id-well-formed.ts';

const session = (id: unknown) => turn(null, { attributes: { 'session.id': id } }, []);

describe('id-well-formed', () => {
  it.each([
    [' conv-42', 'session.id of span "invoke_agent pi" has white space around it: " conv-42".'],
    ['conv\u0000', 'session.id of span "invoke_agent pi" has characters that cannot be printed: "conv\\u0000".'],
    ['conv\u202e', 'session.id of span "invoke_agent pi" has characters that cannot be printed: "conv\u202e".'],
    ['a'.repeat(129), `session.id of span "invoke_agent pi" is 129 characters long: "${'a'.repeat(32)}"….`],
    [42, 'session.id of span "invoke_agent pi" is no text: 42.'],
    [{ toString: 'x' }, 'session.id of span "invoke_agent pi" is no text: {"toString":"x"}.'],
    [Object.create(null), 'session.id of span "invoke_agent pi" is no text: {}.'],
  ])('finds %j', (id, what) => {
    expect(judge(rule, session(id))).toEqual([what]);
  });

  it('finds a bad conversation, a bad session before, and a bad session around', () => {
    const attributes = {
      'gen_ai.conversation.id': 'a\n',
      'session.previous_id': 'b ',
      'turnkeeper.session.parent_id': 'c\t',
    };
    expect(judge(rule, turn('conv-42', { attributes }, []))).toHaveLength(3);
  });

  it('reports an id once, with the number of spans that carry it', () => {
    const children = [chat({ attributes: { 'gen_ai.conversation.id': 'good' } })];
    expect(judge(rule, turn(' a', { attributes: { 'gen_ai.conversation.id': 'good' } }, children))).toEqual([
      'session.id of span "invoke_agent pi" has white space around it: " a"; 1 more of them carry it.',
    ]);
  });

  it.each(['a', 'a'.repeat(128), 'conv 42', 'Gespräch-9', '会话', '👩‍👧'])('accepts %j', (id) => {
    expect(judge(rule, session(id))).toEqual([]);
  });

  it('leaves absent and blank ids to other rules', () => {
    expect(judge(rule, session(undefined), session(''), session('  '))).toEqual([]);
  });
});
