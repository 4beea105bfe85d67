import { BasicTracerProvider, InMemorySpanExporter, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-base';
import { assertThat, captureFrom, check } from '@turnkeeper/check';
import '@turnkeeper/check/vitest';
import { SessionSpanProcessor, traceService, withSession } from '@turnkeeper/instrumentation';
import { expect, test } from 'vitest';

const exporter = new InMemorySpanExporter(); // of a test that is there already
const processor = new SessionSpanProcessor(new SimpleSpanProcessor(exporter));
const tracerProvider = new BasicTracerProvider({ spanProcessors: [processor] });
const greet = traceService(async (name: string) => `hello ${name}`, { name: 'greeter', tracerProvider });

test('each turn is a trace of its own', async () => {
  for (const name of ['you', 'you again']) await withSession('conv-42', () => greet(name));
  const capture = captureFrom(exporter);
  expect(capture.tree()).toMatchInlineSnapshot(`
    "invoke_agent greeter [session conv-42] run.start
    invoke_agent greeter [session conv-42] run.start -> previous turn"
  `); // no ids, no times
  assertThat(capture).hasTraces(
    (trace) => trace.hasSpans((span) => span.hasName('invoke_agent greeter').hasSession('conv-42').hasNoParent()),
    (trace) => trace.hasSession('conv-42'),
  );
  expect(capture).toKeepSessionsApart();
  expect(check(capture)).toEqual([]); // or each finding: rule, severity, what, why, fix, at
});
