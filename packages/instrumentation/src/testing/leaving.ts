import type { Context } from '@opentelemetry/api';
import type { ReadableSpan, SpanProcessor } from '@opentelemetry/sdk-trace-base';
import { SessionSpanProcessor } from '../sdk/session-span-processor.ts';

/** What came out of a `SessionSpanProcessor`, in the order in which it came. */
export interface Leaving {
  readonly processor: SpanProcessor;
  readonly spans: readonly ReadableSpan[];
  readonly names: () => string[];
  /** Each span's name with its session's id, or without one. */
  readonly sessions: () => string[];
}

/** A processor that exports nothing and remembers the order, with ours around it. */
export function watchLeaving(): Leaving {
  const spans: ReadableSpan[] = [];
  const done = (): Promise<void> => Promise.resolve();
  const next: SpanProcessor = {
    onStart: (_span: unknown, _parentContext: Context) => {},
    onEnd: (span) => void spans.push(span),
    forceFlush: done,
    shutdown: done,
  };
  return {
    processor: new SessionSpanProcessor(next),
    spans,
    names: () => spans.map(({ name }) => name),
    sessions: () => spans.map(({ name, attributes }) => `${name} ${String(attributes['session.id'] ?? '-')}`),
  };
}
