import { runInNewContext } from 'node:vm';
import { describe, expect, it } from 'vitest';
import { assertThat } from './assertions.ts';
import { createCapture } from './capture.ts';
import './vitest.ts';
import { captureOf, chat, other, tool, turn } from './testing/spans.ts';

const good = captureOf(turn('conv-42', { label: '1' }, [chat(), tool()]), turn('conv-42', { links: ['1'] }), turn('b'));
const unstamped = captureOf(turn('conv-42', {}, [tool({}, [other('GET', { session: null })])]));
const mixed = captureOf(turn('a', {}, [tool({}, [turn('b')])]));
const empty = captureOf();

function failureOf(assertion: () => void): string {
  try {
    assertion();
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
  throw new Error('the assertion held');
}

describe('toHaveSession', () => {
  it('holds for a session and its exact number of turns', () => {
    expect(good).toHaveSession('conv-42');
    expect(good).toHaveSession('conv-42', { turns: 2 });
    expect(good).not.toHaveSession('conv-43');
    expect(good).not.toHaveSession('conv-42', { turns: 3 });
  });

  it('does not count enclosed runs and tasks as turns', () => {
    const task = other('compact', { engine: 'pi', session: 'conv-42' });
    expect(captureOf(turn('conv-42', {}, [tool({}, [turn('conv-42')])]), task)).toHaveSession('conv-42', { turns: 1 });
  });

  it('shows the sessions that are there, and the tree', () => {
    expect(failureOf(() => expect(good).toHaveSession('conv-42', { turns: 3 }))).toMatchInlineSnapshot(`
      "expected the capture to have session "conv-42" with 3 turns; it holds "conv-42" (2 turns), "b" (1 turn)

        invoke_agent pi [session conv-42] run.start
          chat m1
          execute_tool add
        invoke_agent pi [session conv-42] run.start -> previous turn
          chat m1
        invoke_agent pi [session b] run.start
          chat m1"
    `);
  });
});

describe('toStampEverySpan', () => {
  it('holds when every span of every run is stamped', () => {
    expect(good).toStampEverySpan();
    expect(unstamped).not.toStampEverySpan();
    expect(captureOf(turn(null))).not.toStampEverySpan();
  });

  it('shows the tree with the offending span marked', () => {
    expect(failureOf(() => expect(unstamped).toStampEverySpan())).toMatchInlineSnapshot(`
      "expected the capture to carry a session id on every span of every run: 1 finding

        invoke_agent pi [session conv-42] run.start
          execute_tool add
      >     GET [no session]   <-- every-span-stamped

      error every-span-stamped: Span "GET" of the run "invoke_agent pi" carries no session.id.
        why: A search for the conversation does not find this span: a slow query or a failed request of this turn stays unseen.
        fix: Register SessionSpanProcessor in the SDK that made the span, around the exporting processor or before it."
    `);
  });

  it('shows nothing by an empty capture, neither the promise nor its opposite', () => {
    expect(failureOf(() => expect(empty).toStampEverySpan())).toContain('holds no run at all');
    expect(failureOf(() => expect(empty).not.toStampEverySpan())).toContain('holds no run at all');
  });
});

describe('toKeepSessionsApart', () => {
  it('holds for sessions side by side, not for one below the other', () => {
    expect(good).toKeepSessionsApart();
    expect(mixed).not.toKeepSessionsApart();
    expect(failureOf(() => expect(mixed).toKeepSessionsApart())).toContain('<-- sessions-not-mixed');
  });

  it('sees a single span of another session', () => {
    expect(captureOf(turn('a', {}, [chat({ session: 'b' })]))).not.toKeepSessionsApart();
  });
});

describe('toHaveTraces', () => {
  it('holds for traces as expected, and not for others', () => {
    expect(good).not.toHaveTraces((trace) => trace.hasSession('conv-42'));
    expect(captureOf(turn('a'))).toHaveTraces((trace) => trace.hasSession('a'));
    expect(captureOf(turn('a'))).not.toHaveTraces((trace) => expect(trace.spans).toHaveLength(9));
  });

  it('knows an assertion that does not hold also where tests have an Error of their own, as with vmThreads', () => {
    const foreign: unknown = runInNewContext(`Object.assign(new Error('no\\nthe tree'), { name: 'AssertionError' })`);
    const unmet = (): never => {
      throw foreign;
    };
    expect(captureOf(turn('a'))).not.toHaveTraces(unmet);
    expect(failureOf(() => expect(captureOf(turn('a'))).toHaveTraces(unmet))).toMatch(/^no\n/u);
    expect(failureOf(() => assertThat(captureOf(turn('a'))).hasSpan(unmet))).toMatch(/failed:\n {2}no\n\n/u);
  });

  it('fails where an expectation is at fault itself, whichever way it is asked', () => {
    const broken = (): never => {
      throw new TypeError('at fault');
    };
    expect(failureOf(() => expect(captureOf(turn('a'))).toHaveTraces(broken))).toBe('at fault');
    expect(failureOf(() => expect(captureOf(turn('a'))).not.toHaveTraces(broken))).toBe('at fault');
  });
});

describe('a matcher inside of another value', () => {
  let difference = '';
  expect.extend({
    toDifferFrom(received: unknown, expected: unknown) {
      difference = this.utils.printDiffOrStringify(received, expected, { expand: false }) ?? '';
      return { pass: true, message: () => '' };
    },
  });
  const differenceOf = (received: unknown, expected: unknown): string => {
    const assertion = expect.soft(received);
    Reflect.apply(Reflect.get(assertion, 'toDifferFrom'), assertion, [expected]);
    return difference;
  };

  it.each([
    ['live', createCapture()],
    ['of records', unstamped],
  ])('is asked again where the difference is shown, of a capture that is %s', (_, capture) => {
    const expected = { capture: expect.toStampEverySpan(), turns: 2 };
    expect({ capture: good, turns: 2 }).toEqual(expected);
    expect({ capture, turns: 2 }).not.toEqual(expected);
    expect(differenceOf({ capture, turns: 1 }, expected)).toContain('toStampEverySpan<>');
    expect(differenceOf({ capture: good, turns: 1 }, expected)).not.toContain('toStampEverySpan<>');
  });
});

describe('toPassChecks', () => {
  it('holds when no rule finds anything, warnings included', () => {
    expect(good).toPassChecks();
    expect(captureOf(turn('a'), turn('a'))).not.toPassChecks();
    expect(captureOf(turn('a'), turn('a'))).toPassChecks({ except: ['turns-linked'] });
    expect(captureOf(turn('a'), turn('a'))).toPassChecks({ only: ['no-orphans'] });
  });

  it('judges spans without any run by the conventions', () => {
    expect(captureOf(other('GET'))).toPassChecks();
    expect(failureOf(() => expect(empty).toPassChecks())).toContain('holds no span at all');
  });

  it('refuses what is no capture', () => {
    expect(failureOf(() => expect([]).toPassChecks())).toContain('captureFrom(exporter)');
  });
});
