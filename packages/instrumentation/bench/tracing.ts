import { context, type Context } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import {
  BasicTracerProvider,
  BatchSpanProcessor,
  type Sampler,
  type SpanProcessor,
} from '@opentelemetry/sdk-trace-base';
import { SessionSpanProcessor, withSession } from '@turnkeeper/instrumentation';

/** Sends spans nowhere: what is measured is what happens in the program. */
export const nowhere = {
  export: (_spans: unknown, done: (result: { readonly code: number }) => void): void => done({ code: 0 }),
  forceFlush: async (): Promise<void> => {},
  shutdown: async (): Promise<void> => {},
};

/** How many conversations with an engine are one round. */
export const CONVERSATIONS = 10;

/** Room for a whole round: a full queue drops spans, which costs nothing. */
export const BATCH = { maxQueueSize: 16_384, maxExportBatchSize: 512 };

export function batching(): SpanProcessor {
  return new BatchSpanProcessor(nowhere, BATCH);
}

/** The SDK as in a service, with our processor around the one that exports. */
export function tracedProvider(sampler?: Sampler): BasicTracerProvider {
  const spanProcessors = [new SessionSpanProcessor(batching())];
  return new BasicTracerProvider(sampler ? { spanProcessors, sampler } : { spanProcessors });
}

export function useContextManager(): void {
  context.setGlobalContextManager(new AsyncLocalStorageContextManager());
}

/** The context inside `withSession`. */
export function sessionContext(): Context {
  return withSession('conv-42', () => context.active());
}
