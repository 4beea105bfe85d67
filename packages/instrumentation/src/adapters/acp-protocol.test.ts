import { describe, expect, test } from 'vitest';
import type { RunEvent } from '../adapter.ts';
import { endTurn, nameFailure, readAnswer, readUpdate, startTurn, translateUpdate, withMeta } from './acp-protocol.ts';

/** What comes of some updates of one turn, and of its end. */
function play(...updates: readonly object[]): RunEvent[] {
  const turn = startTurn('run');
  const events = updates.flatMap((update) => [...translateUpdate(turn, readUpdate(update))]);
  return [...events, endTurn(turn, readAnswer({ stopReason: 'end_turn' }))];
}

const contentOf = (event: RunEvent | undefined): unknown => (event && 'output' in event ? event.output?.() : undefined);

test.each([
  ['its raw output', { rawOutput: { files: 2 }, content: [] }, { files: 2 }],
  ['what it shows, where it has no other', { content: [{ type: 'diff' }] }, [{ type: 'diff' }]],
])('a tool’s result is %s', (_which, given, result) => {
  const events = play({ sessionUpdate: 'tool_call', toolCallId: 'call', status: 'completed', ...given });
  expect(contentOf(events.find(({ type }) => type === 'tool.end'))).toEqual(result);
});

test('a tool is called by its kind, never by its title', () => {
  const call = { sessionUpdate: 'tool_call', toolCallId: 'call', title: 'rm -r /home/somebody' };
  expect(play({ ...call, kind: 'execute' })[0]).toMatchObject({ tool: 'execute' });
  expect(play(call)[0]).toMatchObject({ tool: 'other' });
});

test('a turn’s text is kept up to 10,000 pieces', () => {
  const piece = { sessionUpdate: 'agent_message_chunk', content: { type: 'text', text: 'a' } };
  expect(contentOf(play(...Array.from({ length: 10_001 }, () => piece)).at(-1))).toBe('a'.repeat(10_000));
});

test.each([
  [{ problem: { type: 'urn:sandbox-agent:error:timeout' }, status: 504, name: 'SandboxAgentError' }, 'timeout'],
  [{ problem: { type: 'https://example.com/probs/timeout' }, status: 504 }, '504'],
  [{ problem: { type: 'about:blank' }, status: 502 }, '502'],
  [{ code: -32800, name: 'RequestError' }, 'cancelled'],
  [new DOMException('enough', 'AbortError'), 'cancelled'],
  [{ code: -32603, name: 'RequestError' }, '-32603'],
  [new TypeError('fetch failed', { cause: { code: 'ECONNREFUSED' } }), 'ECONNREFUSED'],
  [Object.assign(new Error('broken'), { code: 'EPIPE' }), 'EPIPE'],
  [new TypeError('what a user said'), 'TypeError'],
  ['what a user said', 'error'],
])('a failure is named in a word that says nothing of what was said: %o', (error, name) => {
  expect(nameFailure(error)).toBe(name);
});

describe('tokens', () => {
  test.each([
    ['one side alone', { inputTokens: 7 }, { input: 7, output: undefined }],
    ['the other', { outputTokens: 7, cachedReadTokens: 3 }, { input: undefined, output: 7, cacheRead: 3 }],
    ['no total', { inputTokens: 7, outputTokens: 1, cachedReadTokens: 3 }, { input: 10, cacheRead: 3 }],
    [
      'cached ones apart',
      { inputTokens: 7, outputTokens: 1, cachedReadTokens: 3, cachedWriteTokens: 2, totalTokens: 13 },
      { input: 12, output: 1, cacheRead: 3, cacheWrite: 2 },
    ],
    [
      'cached ones in the input',
      { inputTokens: 7, outputTokens: 1, cachedReadTokens: 3, cachedWriteTokens: 2, totalTokens: 8 },
      { input: 7, output: 1, cacheRead: 3, cacheWrite: 2 },
    ],
  ])('are read of %s', (_what, usage, read) => {
    expect(readAnswer({ usage }).usage).toMatchObject(read);
  });

  test.each([{ inputTokens: -1, outputTokens: 1.5 }, { cachedReadTokens: 3 }, 'many', undefined])(
    'are none in %j',
    (usage) => {
      expect(readAnswer({ usage }).usage).toBeUndefined();
    },
  );
});

test.each([
  [{ stopReason: 'cancelled' }, undefined],
  [{}, { error: { code: -32800 } }],
])('a turn that was cancelled is so, whether it is answered or refused: %j %j', (value, failed) => {
  expect(endTurn(startTurn('run'), readAnswer(value, failed))).toMatchObject({ outcome: { kind: 'cancelled' } });
});

test('a carrier is put beside what the caller sends, and never in place of it', () => {
  const [carrier, params] = [
    { traceparent: '00-1', baggage: 'a=1' },
    { sessionId: 's', _meta: { baggage: 'mine' } },
  ];
  expect(withMeta(params, carrier)).toEqual({ sessionId: 's', _meta: { traceparent: '00-1', baggage: 'mine' } });
  expect(withMeta(params, {})).toBe(params);
  const own = { _meta: { traceparent: '00-2' } };
  expect(withMeta(own, carrier)).toBe(own);
});
