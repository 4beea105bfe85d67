import { context, propagation, ROOT_CONTEXT, type Attributes, type Context, type Span } from '@opentelemetry/api';
import { BasicTracerProvider, type SpanProcessor } from '@opentelemetry/sdk-trace-base';
import { SessionSpanProcessor } from '@turnkeeper/instrumentation';
import { lineOf, type Line, type Part } from './line.ts';
import { compare, type Contestant } from './measure.ts';
import { installNextSdk, installPeers, type Peers } from './peers.ts';
import { BATCH, batching, nowhere, sessionContext, useContextManager } from './tracing.ts';

/** As an HTTP client's span has them. */
const ATTRIBUTES: Attributes = {
  'http.request.method': 'POST',
  'http.response.status_code': 200,
  'server.address': 'api.example.com',
  'server.port': 443,
  'url.full': 'https://api.example.com/v1/chat/completions',
  'url.scheme': 'https',
  'network.protocol.version': '1.1',
  'user_agent.original': 'node',
};

const SPANS = 2_000;
const LIMIT = 1.1;

/** Where somebody has written over an id, which is seldom, a span gets two attributes more. */
const RESTORED_LIMIT = 1.2;

interface StartsSpans {
  startSpan(name: string, options: { readonly attributes: Attributes }, within: Context): Span;
}

interface Provider {
  getTracer(name: string): StartsSpans;
  forceFlush(): Promise<void>;
}

/** Starts and ends spans in a context; `during` is what somebody does to each. */
function spans(
  name: string,
  provider: Provider,
  within: Context,
  during?: (span: Span) => void,
  tracer: StartsSpans = provider.getTracer('bench'),
): Contestant {
  if (within !== ROOT_CONTEXT)
    assertStamped(name, () => tracer.startSpan('POST', { attributes: ATTRIBUTES }, within), within);
  return {
    name,
    round: () =>
      context.with(within, () => {
        for (let index = 0; index < SPANS; index += 1) {
          const span = tracer.startSpan('POST', { attributes: ATTRIBUTES }, within);
          during?.(span);
          span.end();
        }
      }),
    rest: () => provider.forceFlush(),
  };
}

/** Whoever stamps nothing would win. */
function assertStamped(name: string, start: () => Span, within: Context): void {
  const span = context.with(within, start);
  span.end();
  if (!JSON.stringify(unwrapped(span)).includes('conv-42')) throw new Error(`${name} has not stamped its span`);
}

function unwrapped(span: object): unknown {
  if ('attributes' in span) return span.attributes;
  return 'span' in span && typeof span.span === 'object' && span.span ? unwrapped(span.span) : undefined;
}

const sdk = (...spanProcessors: SpanProcessor[]): BasicTracerProvider => new BasicTracerProvider({ spanProcessors });

/** Another instrumentation writes an id of its own. */
const overwrite = (span: Span): void => void span.setAttribute('session.id', 'of-the-engine');

export const stamping: Part = async ({ quick }) => {
  useContextManager();
  const options = quick ? { warmUp: 20, rounds: 60, pieces: SPANS } : { warmUp: 60, rounds: 300, pieces: SPANS };
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
  const next = installNextSdk();
  if (next) {
    const nextSdk = await next.load<NextSdk>('@opentelemetry/sdk-trace');
    const batch = (): SpanProcessor => new nextSdk.BatchSpanProcessor({ exporter: nowhere, ...BATCH });
    const make = (...spanProcessors: SpanProcessor[]): Provider => new nextSdk.TracerProvider({ spanProcessors });
    const contestants = [
      spans('bare', make(batch()), ROOT_CONTEXT),
      spans('ours', make(new SessionSpanProcessor(batch())), sessionContext()),
    ];
    const name = `a span, stamped, SDK ${next.version('@opentelemetry/sdk-trace')}`;
    lines.push(lineOf({ name, limit: LIMIT, unit }, await compare(contestants, options)));
  }
  return lines;
};

interface NextSdk {
  BatchSpanProcessor: new (options: object) => SpanProcessor;
  TracerProvider: new (options: object) => Provider;
}

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
