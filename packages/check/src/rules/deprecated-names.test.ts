import { describe, expect, it } from 'vitest';
import { chat, judge, turn } from '../testing/spans.ts';
import { deprecatedNames as rule } from './deprecated-names.ts';

describe('deprecated-names', () => {
  it('finds the old names, one finding for each span', () => {
    const attributes = { 'gen_ai.system': 'openai', 'gen_ai.usage.prompt_tokens': 12 };
    expect(judge(rule, turn('a', {}, [chat({ attributes })]))).toEqual([
      'Span "chat m1" carries deprecated names: gen_ai.system, gen_ai.usage.prompt_tokens.',
    ]);
  });

  it('accepts the names that took their place', () => {
    const attributes = { 'gen_ai.system_instructions': '[]', 'gen_ai.usage.input_tokens': 12 };
    expect(judge(rule, turn('a', {}, [chat({ attributes })]))).toEqual([]);
  });
});
