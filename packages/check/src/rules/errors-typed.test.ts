import { describe, expect, it } from 'vitest';
import { chat, judge, other, tool, turn } from '../testing/spans.ts';
import { errorsTyped as rule } from './errors-typed.ts';

const type = { 'error.type': 'timeout' };

describe('errors-typed', () => {
  it('finds a failure without a type', () => {
    expect(judge(rule, turn('conv-42', {}, [chat({ status: 'error' })]))).toEqual([
      'Span "chat m1" failed, but carries no error.type.',
    ]);
  });

  it('finds a type without a failure', () => {
    expect(judge(rule, turn('conv-42', {}, [tool({ attributes: type })]))).toEqual([
      'Span "execute_tool add" carries error.type "timeout", but its status is UNSET.',
    ]);
  });

  it("finds a failed task, which is a run's root without an operation", () => {
    expect(judge(rule, other('compact', { engine: 'pi', session: 'conv-42', status: 'error' }))).toHaveLength(1);
  });

  it('accepts both together, and neither', () => {
    expect(judge(rule, turn('conv-42', {}, [chat({ status: 'error', attributes: type }), chat()]))).toEqual([]);
  });

  it('leaves spans of other instrumentations to their conventions', () => {
    expect(
      judge(rule, turn('conv-42', {}, [other('GET', { status: 'error' }), other('PUT', { attributes: type })])),
    ).toEqual([]);
    const attributes = { 'gen_ai.operation.name': '' };
    expect(judge(rule, other('GET', { status: 'error', attributes }))).toEqual([]);
  });
});
