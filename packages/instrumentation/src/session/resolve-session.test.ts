import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { resolveSession, type SessionCandidates } from './resolve-session.ts';
import { isSessionId, sessionIdProblem } from './session-id.ts';

const sources = ['explicit', 'attached', 'context', 'baggage', 'environment', 'engine'] as const;
const good = fc.stringMatching(/^[a-z0-9-]{1,128}$/);
const blank = fc.constantFrom(undefined, null, '', ' ', '\n\t');
const bad = fc.constantFrom(7, {}, [], true, ' padded', 'x'.repeat(129), 'a\u0000', '\u202Eflip', '\uD800');

describe('resolveSession', () => {
  test('takes the first valid candidate, in the order of the sources, and rejects only bad ones before it', () => {
    const candidate = fc.oneof(good, blank, bad);
    fc.assert(
      fc.property(fc.tuple(candidate, candidate, candidate, candidate, candidate, candidate), (values) => {
        const candidates: SessionCandidates = Object.fromEntries(
          sources.map((source, index) => [source, values[index]]),
        );
        const rejected: string[] = [];
        const winner = resolveSession(candidates, (source) => rejected.push(source));
        const first = values.findIndex(isSessionId);
        expect(winner).toEqual(first === -1 ? undefined : { id: values[first], source: sources[first] });
        const before = sources.slice(0, first === -1 ? sources.length : first);
        expect(rejected).toEqual(
          before.filter((_, index) => !['absent', undefined].includes(sessionIdProblem(values[index]))),
        );
      }),
    );
  });

  test.each(sources)('takes %s when it is the only one', (source) => {
    expect(resolveSession({ [source]: 'id-1' })).toEqual({ id: 'id-1', source });
  });
});

describe('a session id', () => {
  test('is never a surprise: any value is good, absent, or has a problem in words', () => {
    fc.assert(
      fc.property(fc.anything(), (value) => {
        const problem = sessionIdProblem(value);
        expect(problem === undefined || problem.length > 0).toBe(true);
        const isClean = typeof value === 'string' && value.trim() === value && value.length > 0;
        expect(problem === undefined ? isClean : true).toBe(true);
      }),
    );
  });

  test('counts characters, not code units', () => {
    expect(isSessionId('😀'.repeat(128))).toBe(true);
    expect(isSessionId('😀'.repeat(129))).toBe(false);
  });
});
