import { describe, expect, it } from 'vitest';
import { assertThat, type SpanExpectation } from './assertions.ts';
import { captureOf, chat, other, tool, turn } from './testing/spans.ts';
import './vitest.ts';

const failed = chat({ status: 'error', attributes: { 'error.type': 'timeout' } });
const capture = captureOf(
  turn('conv-42', { label: '1' }, [chat(), tool({}, [other('GET', { session: null })])]),
  turn('conv-42', { links: ['1'] }, [failed]),
);

describe('assertThat', () => {
  it('holds for traces, and spans in them, that are as expected', () => {
    const holds = () =>
      assertThat(capture).hasTraces(
        (trace) =>
          trace.hasSpans(
            (span) => span.hasName('invoke_agent pi').hasSession('conv-42').hasNoParent().hasEvent('run.start'),
            (span) =>
              span
                .hasName(/^chat /u)
                .hasKind('client')
                .hasParent('invoke_agent pi')
                .hasStatus('unset'),
            (span) => span.hasAttributes({ 'gen_ai.tool.name': 'add' }).lacksAttribute('error.type'),
            (span) => span.hasNoSession().hasParent('execute_tool add'),
          ),
        (trace) => trace.hasSession('conv-42').hasSpan((span) => span.hasError('timeout')),
      );
    expect(holds).not.toThrow();
  });

  it('takes an expression that remembers where it was by itself, for each span', () => {
    const name = /chat/gu;
    const holds = () => assertThat(capture).hasSpan((span) => span.hasName(name).hasName(name).hasStatus('error'));
    expect(holds).not.toThrow();
  });

  it('holds for a session and its turns', () => {
    const holds = () =>
      assertThat(capture).hasSession('conv-42', (session) =>
        session.hasTurns(
          (turn1) => turn1.hasSpan((span) => span.hasAttribute('gen_ai.tool.name')),
          (turn2) =>
            turn2.hasSpans(
              (span) => span.hasEvent('run.start', { 'session.id': 'conv-42' }),
              (span) => span.hasError(),
            ),
        ),
      );
    expect(holds).not.toThrow();
  });

  it('shows the tree with the span marked', () => {
    expect(() => assertThat(capture).hasSpan((span) => span.hasName('chat m2'))).toThrowErrorMatchingInlineSnapshot(`
      [AssertionError: expected the capture to have a span that is as expected; each of 6 spans failed:
        expected name of span "invoke_agent pi" to be "chat m2", not "invoke_agent pi"
        expected name of span "chat m1" to be "chat m2", not "chat m1"
        expected name of span "execute_tool add" to be "chat m2", not "execute_tool add"
        expected name of span "GET" to be "chat m2", not "GET"

        invoke_agent pi [session conv-42] run.start
          chat m1
          execute_tool add
            GET [no session]
        invoke_agent pi [session conv-42] run.start -> previous turn
          chat m1 (error timeout)]
    `);
    expect(() =>
      assertThat(capture).hasSession('conv-42', (session) =>
        session.hasTurns(
          (turn1) => turn1.hasSession('conv-42'),
          () => {},
        ),
      ),
    ).toThrowErrorMatchingInlineSnapshot(`
      [AssertionError: expected session of span "GET" to be "conv-42", not absent

        invoke_agent pi [session conv-42] run.start
          chat m1
          execute_tool add
      >     GET [no session]   <-- here]
    `);
  });

  it.each([
    ['a number of traces', () => assertThat(capture).hasTraces(() => {}), 'to have 1 trace, not 2'],
    [
      'a number of spans',
      () =>
        assertThat(capture).hasTraces(
          (trace) => trace.hasSpans(),
          () => {},
        ),
      'trace 1 to have 0 spans, not 4',
    ],
    [
      'what is not in one turn',
      () =>
        assertThat(capture).hasSession('conv-42', (session) =>
          session.hasTurns(
            () => {},
            (turn2) => turn2.hasSpan((span) => span.hasName('GET')),
          ),
        ),
      'turn 2 of session "conv-42" to have a span',
    ],
    ['a session', () => assertThat(capture).hasSession('conv-43'), 'to have session "conv-43"'],
    [
      'a number of turns',
      () => assertThat(capture).hasSession('conv-42', (session) => session.hasTurns()),
      'to have 0 turns, not 2',
    ],
  ])('fails on %s', (_, assertion, message) => {
    expect(assertion).toThrow(message);
  });

  it.each([
    [
      'name',
      () => first((span) => span.hasName('chat')),
      'name of span "invoke_agent pi" to be "chat", not "invoke_agent pi"',
    ],
    ['kind', () => first((span) => span.hasKind('client')), 'kind of span'],
    ['status', () => first((span) => span.hasStatus('ok')), 'status of span'],
    ['error', () => first((span) => span.hasError()), 'to be "error", not "unset"'],
    ['type of error', () => ofError((span) => span.hasError('overloaded')), 'to be "overloaded", not "timeout"'],
    ['session', () => first((span) => span.hasSession('a')), 'to be "a", not "conv-42"'],
    ['no session', () => first((span) => span.hasNoSession()), 'to be absent, not "conv-42"'],
    ['parent', () => first((span) => span.hasParent('GET')), 'parent of span'],
    ['attribute', () => first((span) => span.hasAttribute('x')), 'to be "any value", not absent'],
    ['attributes', () => first((span) => span.hasAttributes({ 'session.id': 'a' })), 'attribute session.id of span'],
    ['lacking', () => first((span) => span.lacksAttribute('session.id')), 'to be absent'],
    ['event', () => first((span) => span.hasEvent('run.start', { 'session.id': 'a' })), 'event run.start of span'],
  ])('fails on a span by its %s', (_, assertion, message) => {
    expect(assertion).toThrow(message);
  });

  it('lets anything else be said', () => {
    const seen: string[] = [];
    first((span) => span.satisfies(({ name }) => seen.push(name)));
    expect(seen).toEqual(['invoke_agent pi']);
  });
});

describe('toHaveTraces', () => {
  it('says the same to expect', () => {
    expect(capture).toHaveTraces(
      (trace) => trace.hasSpan((span) => span.hasName('GET')),
      () => {},
    );
    expect(capture).not.toHaveTraces();
    expect(() => expect(capture).toHaveTraces()).toThrow('to have 0 traces, not 2');
  });
});

function first(expectation: SpanExpectation): void {
  const rest = [() => {}, () => {}, () => {}];
  assertThat(capture).hasTraces(
    (trace) => trace.hasSpans(expectation, ...rest),
    () => {},
  );
}

function ofError(expectation: SpanExpectation): void {
  assertThat(captureOf(failed)).hasTraces((trace) => trace.hasSpans(expectation));
}
