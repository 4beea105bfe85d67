import { AssertionError } from 'node:assert';
import { isDeepStrictEqual } from 'node:util';
import { ATTR_ERROR_TYPE } from '@turnkeeper/instrumentation/semconv';
import type { Capture } from './capture.ts';
import { quote } from './rule.ts';
import { type CapturedSpan, sessionOf, type SpanKind, type SpanStatus } from './span.ts';
import { turnsOf } from './span-index.ts';
import { drawTree } from './tree.ts';

/** Says what must hold of a span; what it throws fails the assertion. */
export type SpanExpectation = (span: SpanAssertion) => unknown;

/** Says what must hold of a trace, or of a turn. */
export type TraceExpectation = (trace: TraceAssertion) => unknown;

/** Says what must hold of a session. */
export type SessionRequirement = (session: SessionAssertion) => unknown;

/**
 * Begins assertions on what was captured, grouped by trace, in the spirit of OpenTelemetry Java's `assertThat`. Each
 * throws an AssertionError that shows the tree with the span in question marked.
 *
 * @example
 * assertThat(capture).hasTraces((trace) =>
 *   trace.hasSpans(
 *     (span) => span.hasName('invoke_agent pi').hasSession('conv-42').hasNoParent(),
 *     (span) => span.hasName('chat m1').hasKind('client').hasParent('invoke_agent pi'),
 *   ),
 * );
 */
export function assertThat(capture: Capture): CaptureAssertion {
  return new CaptureAssertion(capture);
}

/** What can be said of a whole capture. */
export class CaptureAssertion {
  readonly #capture: Capture;

  constructor(capture: Capture) {
    this.#capture = capture;
  }

  /** There are exactly so many traces and, by their start, each is as expected. */
  hasTraces(...expectations: readonly TraceExpectation[]): this {
    const traces = [...this.#capture.index.traces.values()];
    hasAsMany(this.#capture, 'the capture', 'trace', traces.length, expectations.length, traces.flat());
    for (const [position, expectation] of expectations.entries()) {
      expectation(new TraceAssertion(this.#capture, `trace ${position + 1}`, traces[position] ?? []));
    }
    return this;
  }

  /** There is a span, in whatever trace, that is as expected. */
  hasSpan(expectation: SpanExpectation): this {
    hasOne(this.#capture, 'the capture', this.#capture.spans, expectation);
    return this;
  }

  /** There is a run of this session, and the session is as expected. */
  hasSession(id: string, expectation: SessionRequirement = () => {}): this {
    const { index } = this.#capture;
    if ((index.sessions.get(id) ?? []).length === 0) {
      const sessions = [...index.sessions.keys()];
      fail(this.#capture, `expected the capture to have session ${quote(id)}`, sessions, [id], []);
    }
    expectation(new SessionAssertion(this.#capture, id));
    return this;
  }
}

/** What can be said of a session. */
export class SessionAssertion {
  readonly #capture: Capture;
  readonly #id: string;

  constructor(capture: Capture, id: string) {
    this.#capture = capture;
    this.#id = id;
  }

  /** There are exactly so many turns and, by their start, each is as expected: its spans are those of its run. */
  hasTurns(...expectations: readonly TraceExpectation[]): this {
    const { index } = this.#capture;
    const turns = turnsOf(index.sessions.get(this.#id) ?? []);
    const subject = `session ${quote(this.#id)}`;
    const spans = turns.flatMap((turn) => turn.spans);
    hasAsMany(this.#capture, subject, 'turn', turns.length, expectations.length, spans);
    for (const [position, expectation] of expectations.entries()) {
      const name = `turn ${position + 1} of ${subject}`;
      expectation(new TraceAssertion(this.#capture, name, turns[position]?.spans ?? []));
    }
    return this;
  }
}

/** What can be said of a trace, or of a turn: of some spans that belong together. */
export class TraceAssertion {
  /** The spans, by start. */
  readonly spans: readonly CapturedSpan[];
  readonly #capture: Capture;
  readonly #name: string;

  constructor(capture: Capture, name: string, spans: readonly CapturedSpan[]) {
    this.#capture = capture;
    this.#name = name;
    this.spans = spans;
  }

  /** There are exactly so many spans and, by their start, each is as expected. */
  hasSpans(...expectations: readonly SpanExpectation[]): this {
    hasAsMany(this.#capture, this.#name, 'span', this.spans.length, expectations.length, this.spans);
    for (const [position, span] of this.spans.entries()) {
      expectations[position]?.(new SpanAssertion(this.#capture, span));
    }
    return this;
  }

  /** There is a span that is as expected. */
  hasSpan(expectation: SpanExpectation): this {
    hasOne(this.#capture, this.#name, this.spans, expectation);
    return this;
  }

  /** Every span is stamped with this session. */
  hasSession(id: string): this {
    for (const span of this.spans) new SpanAssertion(this.#capture, span).hasSession(id);
    return this;
  }
}

/** What can be said of a span. */
export class SpanAssertion {
  readonly span: CapturedSpan;
  readonly #capture: Capture;

  constructor(capture: Capture, span: CapturedSpan) {
    this.#capture = capture;
    this.span = span;
  }

  hasName(name: string | RegExp): this {
    const { name: actual } = this.span;
    return this.#holds('name', actual, name, typeof name === 'string' ? actual === name : actual.search(name) >= 0);
  }

  hasKind(kind: SpanKind): this {
    return this.#equals('kind', this.span.kind, kind);
  }

  hasStatus(status: SpanStatus): this {
    return this.#equals('status', this.span.status, status);
  }

  /** It failed, with this `error.type` where one is given. */
  hasError(type?: string): this {
    this.hasStatus('error');
    return type === undefined ? this : this.hasAttribute(ATTR_ERROR_TYPE, type);
  }

  /** It is stamped with this session. */
  hasSession(id: string): this {
    return this.#equals('session', sessionOf(this.span), id);
  }

  hasNoSession(): this {
    return this.#equals('session', sessionOf(this.span), undefined);
  }

  /** It hangs under a span of this name, which the capture holds. */
  hasParent(name: string): this {
    return this.#equals('parent', this.#capture.index.parentOf(this.span)?.name, name);
  }

  /** It is the first of its trace. */
  hasNoParent(): this {
    return this.#equals('parent', this.span.parentSpanId, undefined);
  }

  /** It has the attribute, with this value where one is given. */
  hasAttribute(name: string, value?: unknown): this {
    const actual = this.span.attributes[name];
    if (value !== undefined) return this.#equals(`attribute ${name}`, actual, value);
    return this.#holds(`attribute ${name}`, actual, 'any value', actual !== undefined);
  }

  /** It has all of these attributes; it may have more. */
  hasAttributes(attributes: Readonly<Record<string, unknown>>): this {
    for (const [name, value] of Object.entries(attributes))
      this.#equals(`attribute ${name}`, this.span.attributes[name], value);
    return this;
  }

  lacksAttribute(name: string): this {
    return this.#equals(`attribute ${name}`, this.span.attributes[name], undefined);
  }

  /** It has an event of this name, with all of these attributes where some are given. */
  hasEvent(name: string, attributes: Readonly<Record<string, unknown>> = {}): this {
    const wanted = Object.entries(attributes);
    const named = this.span.events.filter((event) => event.name === name);
    const isThere = named.some((event) =>
      wanted.every(([key, value]) => isDeepStrictEqual(event.attributes[key], value)),
    );
    const actual = this.span.events.map((event) => ({ name: event.name, ...event.attributes }));
    return this.#holds(`event ${name}`, actual, { name, ...attributes }, isThere);
  }

  /** Anything else: a function that throws where it does not hold. */
  satisfies(expectation: (span: CapturedSpan) => unknown): this {
    expectation(this.span);
    return this;
  }

  #equals(what: string, actual: unknown, expected: unknown): this {
    return this.#holds(what, actual, expected, isDeepStrictEqual(actual, expected));
  }

  #holds(what: string, actual: unknown, expected: unknown, holds: boolean): this {
    if (holds) return this;
    const sentence = `expected ${what} of span ${quote(this.span.name)} to be ${describe(expected)}, not ${describe(actual)}`;
    return fail(this.#capture, sentence, actual, expected, [this.span]);
  }
}

function hasAsMany(
  capture: Capture,
  subject: string,
  noun: string,
  actual: number,
  expected: number,
  concerned: readonly CapturedSpan[],
): void {
  if (actual === expected) return;
  fail(
    capture,
    `expected ${subject} to have ${count(expected, noun)}, not ${actual}`,
    actual,
    expected,
    concerned,
    false,
  );
}

function hasOne(capture: Capture, subject: string, spans: readonly CapturedSpan[], expectation: SpanExpectation): void {
  const reasons = new Set<string>();
  for (const span of spans) {
    try {
      expectation(new SpanAssertion(capture, span));
      return;
    } catch (error) {
      reasons.add(messageOf(error).split('\n', 1)[0] ?? '');
    }
  }
  const tried = [...reasons].slice(0, 5).map((reason) => `\n  ${reason}`);
  fail(
    capture,
    `expected ${subject} to have a span that is as expected; each of ${count(spans.length, 'span')} failed:${tried.join('')}`,
    undefined,
    undefined,
    spans,
    false,
  );
}

function fail(
  capture: Capture,
  sentence: string,
  actual: unknown,
  expected: unknown,
  concerned: readonly CapturedSpan[],
  isMarked = true,
): never {
  const marks = new Map(isMarked ? concerned.map((span) => [span, ['here']] as const) : []);
  const traces = new Set(concerned.map(({ traceId }) => traceId));
  const tree = drawTree(capture.index, traces.size > 0 ? { marks, traces } : { marks });
  throw new AssertionError({
    message: tree === '' ? `${sentence}\n\n(no span)` : `${sentence}\n\n${tree}`,
    actual,
    expected,
    operator: 'assertThat',
  });
}

/**
 * What an error says. It is told by its shape: where tests run in a context of their own (Jest, vitest's vmThreads), the
 * errors of Node's modules are no instances of the Error there.
 */
export function messageOf(error: unknown): string {
  return isErrorLike(error) ? error.message : String(error);
}

/** Whether an assertion did not hold, of Node's or of any library: any other error is one of the expectation itself. */
export function isFailedAssertion(error: unknown): boolean {
  return isErrorLike(error) && error.name === 'AssertionError';
}

function isErrorLike(error: unknown): error is Error {
  return typeof error === 'object' && error !== null && 'message' in error && typeof error.message === 'string';
}

function describe(value: unknown): string {
  if (value === undefined) return 'absent';
  return value instanceof RegExp ? String(value) : JSON.stringify(value);
}

function count(amount: number, noun: string): string {
  return `${amount} ${noun}${amount === 1 ? '' : 's'}`;
}
