import { ROOT_CONTEXT } from '@opentelemetry/api';
import type { SpanProcessor } from '@opentelemetry/sdk-trace-base';
import { SessionSpanProcessor } from '@turnkeeper/instrumentation';
import { lineOf, type Part } from './line.ts';
import { compare } from './measure.ts';
import { installNextSdk } from './peers.ts';
import { LIMIT, roundsOf, spans, type Provider } from './spans.ts';
import { BATCH, nowhere, sessionContext, useContextManager } from './tracing.ts';

/** The next line of the SDK, alone: no program has both, and what is compiled of ours for two fits neither. */
export const stampingSdk3: Part = async ({ quick }) => {
  useContextManager();
  const next = installNextSdk();
  if (!next) return [];
  const sdk = await next.load<NextSdk>('@opentelemetry/sdk-trace');
  const batching = (): SpanProcessor => new sdk.BatchSpanProcessor({ exporter: nowhere, ...BATCH });
  const make = (...spanProcessors: SpanProcessor[]): Provider => new sdk.TracerProvider({ spanProcessors });
  const contestants = [
    spans('bare', make(batching()), ROOT_CONTEXT),
    spans('ours', make(new SessionSpanProcessor(batching())), sessionContext()),
  ];
  const name = `a span, stamped, SDK ${next.version('@opentelemetry/sdk-trace')}`;
  return [lineOf({ name, limit: LIMIT, unit: 'µs a span' }, await compare(contestants, roundsOf(quick)))];
};

interface NextSdk {
  BatchSpanProcessor: new (options: object) => SpanProcessor;
  TracerProvider: new (options: object) => Provider;
}
