import { context, propagation, ROOT_CONTEXT, type Context, type Span } from '@opentelemetry/api';
import { BasicTracerProvider, type SpanProcessor } from '@opentelemetry/sdk-trace-base';
import { SessionSpanProcessor } from '@turnkeeper/instrumentation';
import { lineOf, type Line, type Part } from './line.ts';
import { compare, type Contestant } from './measure.ts';
import { installPeers, type Peers } from './peers.ts';
import { LIMIT, roundsOf, spans, type StartsSpans } from './spans.ts';
import { batching, nowhere, sessionContext, useContextManager } from './tracing.ts';

/** Where somebody has written over an id, which is seldom, a span gets two attributes more. */
const RESTORED_LIMIT = 1.2;

const sdk = (...spanProcessors: SpanProcessor[]): BasicTracerProvider => new BasicTracerProvider({ spanProcessors });

/** Another instrumentation writes an id of its own. */
const overwrite = (span: Span): void => void span.setAttribute('session.id', 'of-the-engine');

export const stamping: Part = async ({ quick }) => {
  useContextManager();
  const options = roundsOf(quick);
  const unit = 'µs a span';
  const lines: Line[] = [];
  const own = (): BasicTracerProvider => sdk(new SessionSpanProcessor(batching()));
  const peers = installPeers();
  const others = peers ? await stampingOfOthers(peers) : [];
  const stamped = [spans('bare', sdk(batching()), ROOT_CONTEXT), spans('ours', own(), sessionContext())];
  lines.push(lineOf({ name: 'a span, stamped', limit: LIMIT, unit }, await compare([...stamped, ...others], options)));
  const restored = [
    spans('bare', sdk(batching()), ROOT_CONTEXT, overwrite),
    spans('ours', own(), sessionContext(), overwrite),
  ];
  lines.push(
    lineOf(
      { name: 'a span, stamped, overwritten and put right', limit: RESTORED_LIMIT, unit },
      await compare(restored, options),
    ),
  );
  return lines;
};

/** Each as its documentation says, for nothing but the id of the session. */
async function stampingOfOthers(peers: Peers): Promise<Contestant[]> {
  const named = (name: string): string => `${name} ${peers.version(name)}`;
  const { BaggageSpanProcessor, ALLOW_ALL_BAGGAGE_KEYS } = await peers.load<BaggageModule>(
    '@opentelemetry/baggage-span-processor',
  );
  const baggage = propagation.setBaggage(
    ROOT_CONTEXT,
    propagation.createBaggage({ 'session.id': { value: 'conv-42' } }),
  );
  const { LangfuseSpanProcessor } = await peers.load<LangfuseModule>('@langfuse/otel');
  const { propagateAttributes } = await peers.load<LangfuseTracing>('@langfuse/tracing');
  const langfuse = new LangfuseSpanProcessor({
    exporter: nowhere,
    publicKey: 'pk',
    secretKey: 'sk',
    baseUrl: 'http://127.0.0.1:9',
    shouldExportSpan: () => true,
  });
  const { OITracer, setSession } = await peers.load<OpenInferenceModule>('@arizeai/openinference-core');
  const plain = sdk(batching());
  const openInference = new OITracer({ tracer: plain.getTracer('bench') });
  const { createSpanProcessor, withAgent, withConversation } =
    await peers.load<TraceloopModule>('@traceloop/node-server-sdk');
  const traceloop = (): SpanProcessor =>
    createSpanProcessor({ exporter: nowhere, allowedInstrumentationLibraries: 'all' });
  const conversation = await withConversation('conv-42', () => context.active());
  return [
    spans(
      named('@opentelemetry/baggage-span-processor'),
      sdk(new BaggageSpanProcessor(ALLOW_ALL_BAGGAGE_KEYS), batching()),
      baggage,
    ),
    spans(
      named('@langfuse/otel'),
      sdk(langfuse),
      propagateAttributes({ sessionId: 'conv-42' }, () => context.active()),
    ),
    spans(
      named('@arizeai/openinference-core'),
      plain,
      setSession(ROOT_CONTEXT, { sessionId: 'conv-42' }),
      undefined,
      openInference,
    ),
    spans(named('@traceloop/node-server-sdk'), sdk(traceloop()), conversation),
    spans(
      `${named('@traceloop/node-server-sdk')}, inside withAgent`,
      sdk(traceloop()),
      await context.with(conversation, () => withAgent({ name: 'guide' }, () => context.active())),
    ),
  ];
}

interface BaggageModule {
  BaggageSpanProcessor: new (allow: unknown) => SpanProcessor;
  ALLOW_ALL_BAGGAGE_KEYS: unknown;
}
interface LangfuseModule {
  LangfuseSpanProcessor: new (options: object) => SpanProcessor;
}
interface LangfuseTracing {
  readonly propagateAttributes: <T>(attributes: { readonly sessionId: string }, work: () => T) => T;
}
interface OpenInferenceModule {
  OITracer: new (options: { readonly tracer: object }) => StartsSpans;
  readonly setSession: (within: Context, session: { readonly sessionId: string }) => Context;
}
interface TraceloopModule {
  readonly createSpanProcessor: (options: object) => SpanProcessor;
  readonly withAgent: <T>(agent: { readonly name: string }, work: () => T) => T | Promise<T>;
  readonly withConversation: <T>(id: string, work: () => T) => T | Promise<T>;
}
