import { expect } from 'vitest';
import { assertThat, isFailedAssertion, messageOf, type TraceExpectation } from './assertions.ts';
import type { Capture } from './capture.ts';
import { check, type CheckOptions } from './check.ts';
import { describeFailure } from './report/failure.ts';
import { turnsOf } from './span-index.ts';

/** What a session must look like. */
export interface SessionExpectation {
  /** How many turns the capture must hold of it, exactly. */
  readonly turns?: number;
}

/** Which rules a capture must pass: options of `check` without levels, because an assertion knows no warning. */
export type ChecksExpectation = Pick<CheckOptions, 'rules' | 'only' | 'except'>;

/** What `expect(capture)` can say after `import '@turnkeeper/check/vitest'`. */
export interface CaptureMatchers<R> {
  /** The capture holds a run of this session and, where a number is given, exactly so many turns of it. */
  toHaveSession(id: string, expected?: SessionExpectation): R;
  /** There is a run, and every span of every run carries a session id. */
  toStampEverySpan(): R;
  /** There is a run, and no run, span or link mixes two sessions up. */
  toKeepSessionsApart(): R;
  /** There are exactly so many traces and, by their start, each is as expected; see `assertThat`. */
  toHaveTraces(...expectations: readonly TraceExpectation[]): R;
  /** There is a span, and no rule finds anything, not even something to warn of. */
  toPassChecks(expected?: ChecksExpectation): R;
}

declare module 'vitest' {
  // The names and the order of the type parameters must be those of vitest's own declaration.
  // oxlint-disable-next-line no-unused-vars, typescript/no-empty-object-type
  interface Matchers<R extends void | Promise<void> = void | Promise<void>, T = unknown> extends CaptureMatchers<R> {}
}

interface Verdict {
  readonly pass: boolean;
  readonly message: () => string;
}

expect.extend({
  toHaveSession(received: unknown, id: string, expected: SessionExpectation = {}): Verdict {
    const capture = captureOf(received, 'toHaveSession');
    const runs = capture.index.sessions.get(id) ?? [];
    const turns = turnsOf(runs).length;
    const pass = runs.length > 0 && (expected.turns === undefined || turns === expected.turns);
    const wanted = `session ${JSON.stringify(id)}${expected.turns === undefined ? '' : ` with ${countTurns(expected.turns)}`}`;
    const negation = this.isNot ? 'not ' : '';
    return {
      pass,
      message: () =>
        describeFailure(
          `expected the capture ${negation}to have ${wanted}; it holds ${listSessions(capture)}`,
          capture,
          [],
        ),
    };
  },
  toStampEverySpan(received: unknown): Verdict {
    const capture = captureOf(received, 'toStampEverySpan');
    return judge(capture, this.isNot, 'to carry a session id on every span of every run', {
      only: ['every-span-stamped'],
    });
  },
  toKeepSessionsApart(received: unknown): Verdict {
    const capture = captureOf(received, 'toKeepSessionsApart');
    return judge(capture, this.isNot, 'to keep sessions apart', {
      only: ['sessions-not-mixed', 'one-session-per-run'],
    });
  },
  toHaveTraces(received: unknown, ...expectations: readonly TraceExpectation[]): Verdict {
    const capture = captureOf(received, 'toHaveTraces');
    try {
      assertThat(capture).hasTraces(...expectations);
    } catch (error) {
      // It must not pass for traces that are not as expected.
      if (!isFailedAssertion(error)) throw error;
      return { pass: false, message: () => messageOf(error) };
    }
    return { pass: true, message: () => describeFailure('expected the capture not to have these traces', capture, []) };
  },
  toPassChecks(received: unknown, expected: ChecksExpectation = {}): Verdict {
    const capture = captureOf(received, 'toPassChecks');
    return judge(capture, this.isNot, 'to pass the checks', expected, 'span');
  },
});

function judge(
  capture: Capture,
  isNot: boolean,
  promise: string,
  options: CheckOptions,
  subject: 'run' | 'span' = 'run',
): Verdict {
  const findings = check(capture, options);
  const sentence = `expected the capture ${isNot ? 'not ' : ''}${promise}`;
  // Where nothing was recorded, nothing is shown: neither the promise nor its opposite.
  if ((subject === 'run' ? capture.index.runs : capture.spans).length === 0) {
    return {
      pass: isNot,
      message: () =>
        describeFailure(`${sentence}, but it holds no ${subject} at all, so there is nothing to judge`, capture, []),
    };
  }
  const found = `${findings.length} finding${findings.length === 1 ? '' : 's'}`;
  return { pass: findings.length === 0, message: () => describeFailure(`${sentence}: ${found}`, capture, findings) };
}

function listSessions({ index }: Capture): string {
  const sessions = [...index.sessions].map(
    ([session, runs]) => `${JSON.stringify(session)} (${countTurns(turnsOf(runs).length)})`,
  );
  return sessions.length === 0 ? 'no session' : sessions.join(', ');
}

function countTurns(turns: number): string {
  return `${turns} turn${turns === 1 ? '' : 's'}`;
}

function captureOf(received: unknown, matcher: string): Capture {
  if (isCapture(received)) return received;
  throw new TypeError(
    `${matcher} judges a capture, but was given something else. Use createCapture(), or captureFrom(exporter) for what an exporter holds.`,
  );
}

function isCapture(received: unknown): received is Capture {
  return typeof received === 'object' && received !== null && 'index' in received && 'tree' in received;
}
