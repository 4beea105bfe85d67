export {
  assertThat,
  type CaptureAssertion,
  type SessionAssertion,
  type SessionRequirement,
  type SpanAssertion,
  type SpanExpectation,
  type TraceAssertion,
  type TraceExpectation,
} from './assertions.ts';
export {
  type Capture,
  captureFrom,
  captureRecords,
  type CaptureLogRecordProcessor,
  type CaptureMetricExporter,
  type CaptureSpanProcessor,
  createCapture,
  type FinishedSpans,
  type LiveCapture,
} from './capture.ts';
export { check, type CheckOptions, type Finding, type FindingPlace } from './check.ts';
export { CheckUsageError } from './check-usage-error.ts';
export type { Evidence, Level, Rule, Severity, Violation } from './rule.ts';
export { rules } from './rules/index.ts';
export type { FinishedSpan, HighResolutionTime } from './sources/in-memory.ts';
export { InputError } from './sources/input-error.ts';
export { captureFiles } from './sources/capture-files.ts';
export { readTraces } from './sources/read-traces.ts';
export type { EmittedLog, ExportedMetrics } from './sources/in-memory-signals.ts';
export type { Batch, CapturedLog, CapturedMetric } from './signals.ts';
export type { Attributes, CapturedSpan, Place, SpanEvent, SpanKind, SpanLink, SpanStatus } from './span.ts';
export type { Run, SpanIndex } from './span-index.ts';
export { summarize, type Summary } from './summary.ts';
