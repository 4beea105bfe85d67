import { describe, expect, test } from 'vitest';
import { readVariables } from './variables.ts';

const read = (variables: Record<string, string>): unknown => {
  const warnings: string[] = [];
  return { ...readVariables(variables, (message) => void warnings.push(message)), warnings };
};

describe('the TURNKEEPER_* variables', () => {
  test('set every option that can be said in words', () => {
    expect(
      read({
        TURNKEEPER_ENGINES: 'pi, openai-agents',
        TURNKEEPER_STAMP_ONLY: 'pi',
        TURNKEEPER_FALLBACK: 'generate',
        TURNKEEPER_CONTENT: 'all',
        TURNKEEPER_ALSO_AS: 'langfuse.session.id, thread',
        TURNKEEPER_LATE_LIMIT: '0',
        TURNKEEPER_LATE_DEADLINE: '100',
        TURNKEEPER_IDLE_TIMEOUT: '60000',
        TURNKEEPER_SEND: '*.internal,localhost',
        TURNKEEPER_ACCEPT: 'always',
        TURNKEEPER_SAMPLE_RATIO: '0.1',
        TURNKEEPER_SESSION_ID: 'job-7',
      }),
    ).toEqual({
      config: {
        engines: ['pi', 'openai-agents'],
        stampOnly: ['pi'],
        fallback: 'generate',
        content: 'all',
        alsoAs: ['langfuse.session.id', 'thread'],
        lateLimit: 0,
        lateDeadlineMillis: 100,
        idleTimeoutMillis: 60_000,
      },
      propagation: { send: ['*.internal', 'localhost'], accept: 'always' },
      ratio: 0.1,
      warnings: [],
    });
  });

  test('that are not there, or blank, change nothing', () => {
    const nothing = { config: {}, propagation: undefined, ratio: undefined, warnings: [] };
    expect(read({})).toStrictEqual(nothing);
    expect(read({ TURNKEEPER_ENGINES: '', TURNKEEPER_ACCEPT: ' ', TURNKEEPER_SESSION_ID: '' })).toStrictEqual(nothing);
  });

  test.each([
    [{ TURNKEEPER_SEND: 'localhost' }, { propagation: { send: ['localhost'] } }],
    [{ TURNKEEPER_ACCEPT: 'never' }, { propagation: { accept: 'never' } }],
    [{ TURNKEEPER_SAMPLE_RATIO: '0' }, { ratio: 0 }],
    [{ TURNKEEPER_SAMPLE_RATIO: '1' }, { ratio: 1 }],
  ])('say one thing alone: %j', (variables, said) => {
    const nothing = { config: {}, propagation: undefined, ratio: undefined, warnings: [] };
    expect(read(variables)).toStrictEqual({ ...nothing, ...said });
  });

  test.each([
    ['TURNKEEPER_SAMPLE_RATIO', '1.5'],
    ['TURNKEEPER_SAMPLE_RATIO', '-0.1'],
    ['TURNKEEPER_SEND', 'localhost,,api.internal'],
    ['TURNKEEPER_SAMPLE_RATIO', 'half'],
    ['TURNKEEPER_SAMPLE_RATIO', 'Infinity'],
    ['TURNKEEPER_IDLE_TIMEOUT', '0'],
    ['TURNKEEPER_IDLE_TIMEOUT', '1e3'],
    ['TURNKEEPER_LATE_LIMIT', '1.5'],
    ['TURNKEEPER_ENGINES', 'Pi'],
    ['TURNKEEPER_CONTENT', 'true'],
    ['TURNKEEPER_SESSION_ID', 'a\nb'],
  ])('with a wrong value (%s=%s) are named in one line and left out', (name, value) => {
    expect(read({ [name]: value })).toEqual({
      config: {},
      propagation: undefined,
      ratio: undefined,
      warnings: [expect.stringMatching(new RegExp(`^${name} is [^\n]*left out$`))],
    });
  });
});
