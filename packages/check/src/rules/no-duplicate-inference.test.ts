import { describe, expect, it } from 'vitest';
import { chat, judge, tool, turn } from '../testing/spans.ts';
import { noDuplicateInference as rule } from './no-duplicate-inference.ts';

const response = (id: string) => ({ attributes: { 'gen_ai.response.id': id } });

describe('no-duplicate-inference', () => {
  it('finds a call of the model that two instrumentations recorded, one below the other or side by side', () => {
    const what = 'Span "chat m1" is the same call of the model as "chat m1" before it: both are response "r1".';
    expect(judge(rule, turn('a', {}, [chat(response('r1'), [chat(response('r1'))])]))).toEqual([what]);
    expect(judge(rule, turn('a', {}, [chat(response('r1')), chat(response('r1'))]))).toEqual([what]);
  });

  it('accepts calls with responses of their own, and without any', () => {
    expect(judge(rule, turn('a', {}, [chat(response('r1')), chat(response('r2')), chat(), chat()]))).toEqual([]);
  });

  it('accepts one id in two traces, and on spans that are no call', () => {
    expect(judge(rule, turn('a', {}, [chat(response('r1'))]), turn('a', {}, [chat(response('r1'))]))).toEqual([]);
    expect(judge(rule, turn('a', response('r1'), [chat(response('r1')), tool(response('r1'))]))).toEqual([]);
  });
});
