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

  it.each([
    ['in an attribute of its own', 'gen_ai.user.message', { content: 'hello' }],
    ['as text', 'gen_ai.choice', { message: 'hello', finish_reason: 'stop' }],
    ['as text that is a number', 'gen_ai.choice', { message: '42' }],
    ['as a list of parts', 'gen_ai.choice', { message: '[{"text":"hello"}]' }],
    ['as JSON', 'gen_ai.assistant.message', { 'gen_ai.event.content': '{"role":"assistant","content":"hello"}' }],
    ['of tools', 'gen_ai.tool.message', { 'gen_ai.event.content': '{"tool_calls":[{"arguments":"{\\"city\\":1}"}]}' }],
  ])('finds messages on events of a span: %s', (_where, name, attributes) => {
    expect(judge(rule, turn('a', {}, [chat({ events: [{ name, attributes }] })]))).toEqual([
      `Span "chat m1" holds content: the event ${name}.`,
    ]);
  });

  it('accepts messages on events of a span whose content was left out, and other events', () => {
    const events = [
      { name: 'gen_ai.choice', attributes: { 'gen_ai.event.content': '{"index":0,"finish_reason":"stop"}' } },
      { name: 'gen_ai.choice', attributes: { message: '{"role":"assistant"}', index: 0 } },
      { name: 'gen_ai.user.message', attributes: { 'gen_ai.system': 'openai', content: '' } },
      { name: 'cache.hit', attributes: { content: 'type' } },
    ];
    expect(judge(rule, turn('a', {}, [chat({ events })]))).toEqual([]);
  });

  it('accepts everything else that GenAI spans say', () => {
    const attributes = { 'gen_ai.output.type': 'json', 'gen_ai.prompt_name': 'greeting', 'gen_ai.tool.call.id': 'c1' };
    const template = { 'gen_ai.prompt.name': 'greeting' };
    expect(judge(rule, turn('a', {}, [chat({ attributes }), chat({ attributes: template })]))).toEqual([]);
  });
});
