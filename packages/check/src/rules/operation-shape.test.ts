import { describe, expect, it } from 'vitest';
import { chat, judge, other, tool, turn } from '../testing/spans.ts';
import { operationShape as rule } from './operation-shape.ts';

const operation = (name: string) => ({ 'gen_ai.operation.name': name });

describe('operation-shape', () => {
  it('finds a model call of another name, kind, or without a provider', () => {
    const attributes = { 'gen_ai.provider.name': undefined };
    expect(judge(rule, chat({ kind: 'server', attributes })), 'kind and provider').toEqual([
      'Span "chat m1" is of kind SERVER; chat is CLIENT or INTERNAL.',
      'Span "chat m1" of operation chat carries no gen_ai.provider.name.',
    ]);
    expect(judge(rule, { ...chat(), name: 'chat' })).toEqual([
      'Span "chat" of operation chat should have the name "chat m1".',
    ]);
  });

  it('finds a tool call without the name of the tool', () => {
    expect(judge(rule, { ...tool({ attributes: { 'gen_ai.tool.name': undefined } }), name: 'execute_tool' })).toEqual([
      'Span "execute_tool" of operation execute_tool carries no gen_ai.tool.name.',
    ]);
  });

  it('finds a remote agent without an address', () => {
    expect(judge(rule, turn('conv-42', { kind: 'client' }))).toEqual([
      'Span "invoke_agent pi" of operation invoke_agent carries no server.address.',
    ]);
  });

  it('finds a workflow and a created agent of the wrong kind', () => {
    expect(
      judge(rule, other('invoke_workflow', { kind: 'server', attributes: operation('invoke_workflow') })),
    ).toHaveLength(1);
    expect(judge(rule, other('create_agent', { attributes: operation('create_agent') }))).toHaveLength(1);
  });

  it('finds a span that names a model, but no operation', () => {
    expect(judge(rule, other('llm', { attributes: { 'gen_ai.request.model': 'm1' } }))).toEqual([
      'Span "llm" carries gen_ai.request.model, but no gen_ai.operation.name.',
    ]);
  });

  it('accepts agents here and remote, model calls, tools, and a model call that names no model', () => {
    const remote = turn('conv-42', { kind: 'client', attributes: { 'server.address': 'agents.internal' } });
    const unnamed = { ...chat({ attributes: { 'gen_ai.request.model': undefined } }), name: 'chat' };
    expect(judge(rule, turn('conv-42', {}, [chat(), tool(), unnamed]), remote)).toEqual([]);
  });

  it('accepts a call of a model in the same process', () => {
    expect(judge(rule, chat({ kind: 'internal' }))).toEqual([]);
  });

  describe('of a call over MCP', () => {
    const mcp = (method: string, rest: Parameters<typeof other>[1], target = ' add') =>
      other(`${method}${target}`, { ...rest, attributes: { 'mcp.method.name': method, ...rest?.attributes } });
    const named = { 'gen_ai.tool.name': 'add' };
    const whole = { ...named, ...operation('execute_tool') };

    it('accepts its own name and kind, with and without an operation', () => {
      const calls = [
        mcp('tools/call', { kind: 'client', attributes: whole }),
        mcp('tools/call', { kind: 'server', attributes: named }),
        mcp('tools/call', { kind: 'client', attributes: whole }, ''),
        mcp('prompts/get', { kind: 'client', attributes: { 'gen_ai.prompt.name': 'add' } }),
      ];
      expect(judge(rule, turn('a', {}, calls))).toEqual([]);
    });

    it('accepts it on the span of the tool', () => {
      expect(judge(rule, tool({ attributes: { 'mcp.method.name': 'tools/call' } }))).toEqual([]);
    });

    it('finds another kind and another name', () => {
      const calls = [
        mcp('tools/call', { attributes: whole }),
        mcp('tools/call', { attributes: named }),
        other('add', { kind: 'client', attributes: { ...named, 'mcp.method.name': 'tools/call' } }),
      ];
      expect(judge(rule, turn('a', {}, calls))).toEqual([
        'Span "tools/call add" is of kind INTERNAL; a call over MCP is CLIENT or SERVER.',
        'Span "tools/call add" is of kind INTERNAL; a call over MCP is CLIENT or SERVER.',
        'Span "add" carries gen_ai.tool.name, but no gen_ai.operation.name.',
      ]);
    });
  });

  it('accepts a task: the root of a run without an operation', () => {
    expect(judge(rule, other('compact', { engine: 'pi', attributes: { 'gen_ai.request.model': 'm1' } }))).toEqual([]);
  });

  it('asks nothing of operations that it does not know', () => {
    expect(judge(rule, other('embeddings', { attributes: operation('embeddings') }))).toEqual([]);
  });
});
