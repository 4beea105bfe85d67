import { InMemorySpanExporter as SecondExporter } from '@opentelemetry/sdk-trace-base';
import { expect, expectTypeOf, test } from 'vitest';
import { assertThat, type Capture, captureFrom, check, createCapture, type Finding, type Rule } from './index.ts';
import './vitest.ts';

// What users write compiles, and what means nothing does not.
test('the types', () => {
  const capture = createCapture();
  expectTypeOf(capture).toExtend<Capture>();
  expectTypeOf(captureFrom(new SecondExporter())).toEqualTypeOf<Capture>();
  expectTypeOf(check(capture)).toEqualTypeOf<readonly Finding[]>();
  expectTypeOf(capture.tree()).toEqualTypeOf<string>();
  expectTypeOf<Rule['severity']>().toEqualTypeOf<'error' | 'warn'>();

  expect(capture).toHaveSession('conv-42', { turns: 3 });
  expect(capture).not.toStampEverySpan();
  expect(capture).toKeepSessionsApart();
  expect(capture).toPassChecks({ except: ['turns-linked'] });
  expect(capture).toHaveTraces((trace) => trace.hasSpans((span) => span.hasName('chat m1')));
  expectTypeOf(expect(capture).toHaveSession('conv-42')).toEqualTypeOf<void>();

  // @ts-expect-error: a session has an id
  expect(capture).toHaveSession();
  // @ts-expect-error: turns are counted
  expect(capture).toHaveSession('conv-42', { turns: 'three' });
  // @ts-expect-error: an assertion knows no warning
  expect(capture).toPassChecks({ levels: { 'turns-linked': 'warn' } });
  // @ts-expect-error: there is no such kind
  assertThat(capture).hasSpan((span) => span.hasKind('remote'));
  // @ts-expect-error: a capture is read only
  capture.spans = [];
});
