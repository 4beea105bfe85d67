import { Runner, setTraceProcessors, type TracingProcessor } from '@openai/agents';
import { context, type Context } from '@opentelemetry/api';
import { suppressTracing } from '@opentelemetry/core';
import {
  AlwaysOffSampler,
  AlwaysOnSampler,
  BasicTracerProvider,
  type Sampler,
  type SpanProcessor,
} from '@opentelemetry/sdk-trace-base';
import { observe, withSession } from '@turnkeeper/instrumentation';
import { openaiAgents } from '@turnkeeper/instrumentation/openai-agents';
import { compareApart, type Contestants } from './apart.ts';
import { lineOf, type Part } from './line.ts';
import type { Contestant } from './measure.ts';
import { MinimalTracer } from './minimal-tracer.ts';
import { LEAST, traceTurns } from './minimal-turns.ts';
import { openConversation } from './openai-conversation.ts';
import { installPeers, type Peers } from './peers.ts';
import { batching, CONVERSATIONS, nowhere, tracedProvider } from './tracing.ts';

const OPEN_INFERENCE = '@arizeai/openinference-instrumentation-openai-agents';
const LANGFUSE = '@langfuse/otel';

/** So many conversations in a row, each in a session. */
function conversations(
  name: string,
  talk: () => Promise<void>,
  {
    provider,
    within,
  }: { readonly provider?: BasicTracerProvider; readonly within?: (active: Context) => Context } = {},
): Contestant {
  setTraceProcessors([]);
  return {
    name,
    async round() {
      for (let index = 0; index < CONVERSATIONS; index += 1) {
        if (within) await context.with(within(context.active()), talk);
        else await talk();
      }
    },
    rest: () => provider?.forceFlush(),
  };
}

function observed(provider: BasicTracerProvider): () => Promise<void> {
  observe(openaiAgents, Runner, { tracerProvider: provider });
  return openConversation(Runner);
}

function ours(provider: BasicTracerProvider): Contestant {
  const talk = observed(provider);
  return conversations('ours', () => withSession('conv-42', talk), { provider });
}

function leastUnsampled(): Contestant {
  const provider = tracedProvider(new AlwaysOffSampler());
  traceTurns(Runner.prototype, 'run', provider.getTracer('bench'));
  return conversations('least', openConversation(Runner), { provider });
}

/** Listens to the SDK's own tracing, which is on for these alone. */
function listening(
  spanProcessor: SpanProcessor,
  processorOn: (provider: BasicTracerProvider) => TracingProcessor,
  sampler: Sampler = new AlwaysOnSampler(),
): Contestant {
  const provider = new BasicTracerProvider({ spanProcessors: [spanProcessor], sampler });
  const contestant = conversations('listening', openConversation(Runner, false), { provider });
  setTraceProcessors([processorOn(provider)]);
  return contestant;
}

async function openInference(
  makeProcessor: (peers: Peers) => Promise<SpanProcessor>,
  sampler?: Sampler,
): Promise<Contestant> {
  const peers = installPeers();
  if (!peers) throw new Error('the others cannot be installed');
  const { OpenInferenceTracingProcessor } = await peers.load<OpenInferenceModule>(OPEN_INFERENCE);
  const processor = await makeProcessor(peers);
  return listening(processor, (tracerProvider) => new OpenInferenceTracingProcessor({ tracerProvider }), sampler);
}

async function langfuse(peers: Peers): Promise<SpanProcessor> {
  const { LangfuseSpanProcessor } = await peers.load<LangfuseModule>(LANGFUSE);
  const keys = { publicKey: 'pk', secretKey: 'sk', baseUrl: 'http://127.0.0.1:9' };
  return new LangfuseSpanProcessor({ exporter: nowhere, ...keys, shouldExportSpan: () => true });
}

export const contestants: Contestants = {
  bare: () => conversations('bare', openConversation(Runner)),
  'bare, suppressed': () => conversations('bare', openConversation(Runner), { within: suppressTracing }),
  unsampled: () => ours(tracedProvider(new AlwaysOffSampler())),
  'least, unsampled': leastUnsampled,
  suppressed: () => conversations('ours', observed(tracedProvider()), { within: suppressTracing }),
  traced: () => ours(tracedProvider()),
  minimal: () => listening(batching(), (provider) => new MinimalTracer(provider.getTracer('bench'))),
  openInference: () => openInference(async () => batching()),
  'openInference, unsampled': () => openInference(async () => batching(), new AlwaysOffSampler()),
  'openInference, langfuse': () => openInference(langfuse),
};

export const openaiAgentsPart: Part = async ({ quick }) => {
  const unit = 'µs a conversation';
  const peers = installPeers();
  const names = Object.keys(contestants).filter((name) => peers || !name.startsWith('openInference'));
  const costOf = compareApart('openai-agents', names, { quick });
  const titled = (name: string, title: string) => ({ name: title, value: costOf(name).value });
  const others = (titles: Readonly<Record<string, string>>) =>
    peers ? Object.entries(titles).map(([name, title]) => titled(name, title)) : [];
  const minimal = 'the fewest lines that give a span for each of the engine’s own, in no context';
  const openInferenceTitle = `${OPEN_INFERENCE} ${peers?.version(OPEN_INFERENCE)}`;
  return [
    lineOf({ name: 'three turns of OpenAI Agents, not sampled', limit: 1.05, unit }, [
      costOf('bare'),
      costOf('unsampled'),
      titled('least, unsampled', LEAST),
      ...others({ 'openInference, unsampled': openInferenceTitle }),
    ]),
    lineOf({ name: 'three turns of OpenAI Agents, tracing suppressed', limit: 1.05, unit }, [
      costOf('bare, suppressed'),
      costOf('suppressed'),
    ]),
    lineOf({ name: 'three turns of OpenAI Agents, traced', limit: 1.4, unit }, [
      costOf('bare'),
      costOf('traced'),
      titled('minimal', minimal),
      ...others({
        openInference: openInferenceTitle,
        'openInference, langfuse': `${openInferenceTitle} with ${LANGFUSE} ${peers?.version(LANGFUSE)}`,
      }),
    ]),
  ];
};

interface OpenInferenceModule {
  OpenInferenceTracingProcessor: new (options: object) => TracingProcessor;
}
interface LangfuseModule {
  LangfuseSpanProcessor: new (options: object) => SpanProcessor;
}
