import { context, diag, DiagLogLevel, propagation, trace, type DiagLogger, type Tracer } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { CompositePropagator, W3CBaggagePropagator, W3CTraceContextPropagator } from '@opentelemetry/core';
import { BasicTracerProvider, type Sampler, type SpanProcessor } from '@opentelemetry/sdk-trace-base';
import { createCapture, type LiveCapture } from '@turnkeeper/check';
import { SessionSpanProcessor } from '../sdk/session-span-processor.ts';

/**
 * How far a span's times may stand from `Date.now()`, in milliseconds: the wall clock tells whole ones, and is followed
 * only where it has gone further than one.
 */
export const CLOCKS_APART = 5;

export interface TracingOptions {
  /** Without one, nothing carries the context from call to call. */
  readonly withContextManager?: boolean;
  /** Without it, only our own spans carry the session. */
  readonly withSessionProcessor?: boolean;
  readonly processors?: readonly SpanProcessor[];
  readonly sampler?: Sampler;
}

export interface Tracing extends Disposable {
  readonly capture: LiveCapture;
  readonly tracer: Tracer;
  readonly provider: BasicTracerProvider;
  /** What went to the diagnostic log, at the level of warnings and above. */
  readonly diagnostics: string[];
}

/** The real SDK, registered globally, recording in memory; `dispose` puts the globals back. */
export function startTracing(options: TracingOptions = {}): Tracing {
  const capture = createCapture();
  const stamped = new SessionSpanProcessor(capture.spanProcessor);
  const provider = new BasicTracerProvider({
    ...(options.sampler && { sampler: options.sampler }),
    spanProcessors: [
      ...(options.processors ?? []),
      options.withSessionProcessor === false ? capture.spanProcessor : stamped,
    ],
  });
  const diagnostics: string[] = [];
  const log = (...words: unknown[]): void => void diagnostics.push(words.map(String).join(' '));
  const silent = (): void => {};
  const logger: DiagLogger = { error: log, warn: log, info: silent, debug: silent, verbose: silent };
  diag.setLogger(logger, { logLevel: DiagLogLevel.WARN, suppressOverrideMessage: true });
  trace.setGlobalTracerProvider(provider);
  if (options.withContextManager !== false) context.setGlobalContextManager(new AsyncLocalStorageContextManager());
  propagation.setGlobalPropagator(
    new CompositePropagator({ propagators: [new W3CTraceContextPropagator(), new W3CBaggagePropagator()] }),
  );
  return {
    capture,
    provider,
    tracer: provider.getTracer('test'),
    diagnostics,
    [Symbol.dispose]() {
      trace.disable();
      context.disable();
      propagation.disable();
      diag.disable();
    },
  };
}
