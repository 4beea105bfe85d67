import { describe, expect, it } from 'vitest';
import { captureWith, chat, judge, tool, turn } from '../testing/spans.ts';
import { noContent as rule } from './no-content.ts';

describe('no-content', () => {
  it('finds prompts, answers, and what tools were given', () => {
    const asked = chat({ attributes: { 'gen_ai.output.messages': '[]', 'gen_ai.input.messages': '[]' } });
    const called = tool({ attributes: { 'gen_ai.tool.call.arguments': '{}' } });
    expect(judge(rule, turn('a', {}, [asked, called]))).toEqual([
      'Span "chat m1" holds content: gen_ai.input.messages, gen_ai.output.messages.',
      'Span "execute_tool add" holds content: gen_ai.tool.call.arguments.',
    ]);
  });

  it('finds messages under their old and numbered names', () => {
    expect(judge(rule, chat({ attributes: { 'gen_ai.prompt.0.content': 'hello' } }))).toEqual([
      'Span "chat m1" holds content: gen_ai.prompt.',
    ]);
  });

  it('finds content on events of a span and on log events', () => {
    const starts = [{ 'gen_ai.system_instructions': 'be kind' }];
    expect(judge(rule, turn('a', { starts }))).toHaveLength(1);
    const logs = [
      { name: 'run.start', attributes: { 'session.id': 'a' } },
      { name: 'gen_ai.choice', attributes: { 'gen_ai.output.messages': '[]' } },
    ];
    expect(Array.from(rule.judge(captureWith({ logs }, turn('a')).index), ({ what }) => what)).toEqual([
      'Log event "gen_ai.choice" holds content: gen_ai.output.messages.',
    ]);
  });

  it('accepts everything else that GenAI spans say', () => {
    const attributes = { 'gen_ai.output.type': 'json', 'gen_ai.prompt_name': 'greeting', 'gen_ai.tool.call.id': 'c1' };
    const template = { 'gen_ai.prompt.name': 'greeting' };
    expect(judge(rule, turn('a', {}, [chat({ attributes }), chat({ attributes: template })]))).toEqual([]);
  });
});
