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
  /** The next span makes the processor behind ours throw. */
  readonly failOnce: (error: Error) => void;
}

/** A processor that exports nothing and remembers the order, with ours around it. */
export function watchLeaving(): Leaving {
  const spans: ReadableSpan[] = [];
  let failure: Error | undefined;
  const done = (): Promise<void> => Promise.resolve();
  const next: SpanProcessor = {
    onStart: (_span: unknown, _parentContext: Context) => {},
    onEnd: (span) => {
      const error = failure;
      failure = undefined;
      if (error) throw error;
      spans.push(span);
    },
    forceFlush: done,
    shutdown: done,
  };
  return {
    processor: new SessionSpanProcessor(next),
    spans,
    failOnce: (error) => {
      failure = error;
    },
    names: () => spans.map(({ name }) => name),
    sessions: () => spans.map(({ name, attributes }) => `${name} ${String(attributes['session.id'] ?? '-')}`),
  };
}
