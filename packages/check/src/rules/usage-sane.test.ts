import { describe, expect, it } from 'vitest';
import { chat, judge, tool, turn } from '../testing/spans.ts';
import { usageSane as rule } from './usage-sane.ts';

const usage = (counts: Readonly<Record<string, unknown>>) => ({
  attributes: Object.fromEntries(Object.entries(counts).map(([name, count]) => [`gen_ai.usage.${name}`, count])),
});

describe('usage-sane', () => {
  it.each([[-1], [1.5], ['12'], [Number.NaN]])('finds the count %j', (count) => {
    expect(judge(rule, chat(usage({ input_tokens: count })))).toEqual([
      `gen_ai.usage.input_tokens of span "chat m1" is ${JSON.stringify(count)}, which is no count.`,
    ]);
  });

  it('finds more cached than input tokens', () => {
    const counts = { input_tokens: 10, 'cache_read.input_tokens': 8, 'cache_creation.input_tokens': 3 };
    expect(judge(rule, chat(usage(counts)))).toEqual([
      'Span "chat m1" has 11 cached input tokens, but 10 input tokens in all.',
    ]);
    expect(judge(rule, chat(usage({ input_tokens: 2, 'cache_creation.input_tokens': 3 })))).toHaveLength(1);
    expect(judge(rule, chat(usage({ input_tokens: 2, 'cache_read.input_tokens': 3 })))).toHaveLength(1);
  });

  it('finds more reasoning than output tokens', () => {
    expect(judge(rule, chat(usage({ output_tokens: 5, 'reasoning.output_tokens': 6 })))).toEqual([
      'Span "chat m1" has 6 reasoning tokens, but 5 output tokens in all.',
    ]);
  });

  it('finds a run whose total is not the sum of its model calls', () => {
    const run = turn('a', usage({ input_tokens: 10 }), [
      chat(usage({ input_tokens: 5 })),
      chat(usage({ input_tokens: 6 })),
    ]);
    expect(judge(rule, run)).toEqual([
      'gen_ai.usage.input_tokens of the run "invoke_agent pi" is 10; its 2 model calls sum up to 11.',
    ]);
  });

  it('accepts totals that add up, without the calls of an enclosed run', () => {
    const inner = turn('a', usage({ output_tokens: 3 }), [chat(usage({ output_tokens: 3 }))]);
    expect(
      judge(rule, turn('a', usage({ output_tokens: 7 }), [chat(usage({ output_tokens: 7 })), tool({}, [inner])])),
    ).toEqual([]);
  });

  it('accepts a total of the engine where not every call says its own', () => {
    expect(judge(rule, turn('a', usage({ output_tokens: 7 }), [chat(usage({ output_tokens: 3 })), chat()]))).toEqual(
      [],
    );
    expect(judge(rule, turn('a', usage({ output_tokens: 7 }), []))).toEqual([]);
    expect(judge(rule, turn('a', {}, [chat(usage({ output_tokens: 7 }))]))).toEqual([]);
  });

  it('accepts everything cached, everything reasoned, and nothing at all', () => {
    const counts = { input_tokens: 8, 'cache_read.input_tokens': 8, output_tokens: 0, 'reasoning.output_tokens': 0 };
    expect(judge(rule, chat(usage(counts)), chat(usage({ 'cache_read.input_tokens': 8 })))).toEqual([]);
    expect(judge(rule, chat(usage({ input_tokens: 8, 'cache_creation.input_tokens': 8 })))).toEqual([]);
  });
});
