import { Runner, setTraceProcessors, type TracingProcessor } from '@openai/agents';
import { context, type Context } from '@opentelemetry/api';
import { suppressTracing } from '@opentelemetry/core';
import { AlwaysOffSampler, BasicTracerProvider, type SpanProcessor } from '@opentelemetry/sdk-trace-base';
import { observe, withSession } from '@turnkeeper/instrumentation';
import { openaiAgents } from '@turnkeeper/instrumentation/openai-agents';
import { lineOf, type Line, type Part } from './line.ts';
import { compare, type Contestant } from './measure.ts';
import { MinimalTracer } from './minimal-tracer.ts';
import { openConversation } from './openai-conversation.ts';
import { installPeers, type Peers } from './peers.ts';
import { batching, nowhere, tracedProvider, useContextManager } from './tracing.ts';

const CONVERSATIONS = 10;

/** So many conversations in a row, each in a session. */
function conversations(
  name: string,
  talk: () => Promise<void>,
  {
    provider,
    within,
  }: { readonly provider?: BasicTracerProvider; readonly within?: (active: Context) => Context } = {},
): Contestant {
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

/** A `Runner` class of its own, observed: the others are as the engine made them. */
function observed(provider: BasicTracerProvider): () => Promise<void> {
  const Observed = class extends Runner {};
  observe(openaiAgents, Observed, { tracerProvider: provider });
  return openConversation(Observed);
}

function ours(provider: BasicTracerProvider): Contestant {
  const talk = observed(provider);
  return conversations('ours', () => withSession('conv-42', talk), { provider });
}

const bare = (): Contestant => conversations('bare', openConversation(Runner));

export const openaiAgentsPart: Part = async ({ quick }) => {
  useContextManager();
  setTraceProcessors([]);
  const options = { pieces: CONVERSATIONS, ...(quick ? { warmUp: 60, rounds: 60 } : { warmUp: 600, rounds: 400 }) };
  const unit = 'µs a conversation';
  const lines: Line[] = [];
  const unsampled = tracedProvider(new AlwaysOffSampler());
  lines.push(
    lineOf(
      { name: 'three turns of OpenAI Agents, not sampled', limit: 1.05, unit },
      await compare([bare(), ours(unsampled)], options),
    ),
  );
  const suppressed = conversations('ours', observed(tracedProvider()), { within: suppressTracing });
  lines.push(
    lineOf(
      { name: 'three turns of OpenAI Agents, tracing suppressed', limit: 1.05, unit },
      await compare(
        [conversations('bare', openConversation(Runner), { within: suppressTracing }), suppressed],
        options,
      ),
    ),
  );
  const peers = installPeers();
  const others = [minimal(), ...(peers ? await othersOn(peers) : [])];
  lines.push(
    lineOf(
      { name: 'three turns of OpenAI Agents, traced', limit: 1.4, unit },
      await compare([bare(), ours(tracedProvider()), ...others], options),
    ),
  );
  return lines;
};

/** Listens to the SDK's own tracing, which is on for this contestant alone. */
function listening(
  name: string,
  spanProcessor: SpanProcessor,
  processorOn: (provider: BasicTracerProvider) => TracingProcessor,
): Contestant {
  const provider = new BasicTracerProvider({ spanProcessors: [spanProcessor] });
  const processor = processorOn(provider);
  const { round, ...rest } = conversations(name, openConversation(Runner, false), { provider });
  return {
    ...rest,
    async round() {
      setTraceProcessors([processor]);
      await round();
      setTraceProcessors([]);
    },
  };
}

/** The least that anybody would write: how much of the ratio is the engine's own tracing, and the SDK's spans. */
function minimal(): Contestant {
  const name = 'the fewest lines that give a span for each of the engine’s own, in no context';
  return listening(name, batching(), (provider) => new MinimalTracer(provider.getTracer('bench')));
}

async function othersOn(peers: Peers): Promise<Contestant[]> {
  const name = '@arizeai/openinference-instrumentation-openai-agents';
  const { OpenInferenceTracingProcessor } = await peers.load<OpenInferenceModule>(name);
  const { LangfuseSpanProcessor } = await peers.load<LangfuseModule>('@langfuse/otel');
  const openInference = (title: string, spanProcessor: SpanProcessor): Contestant =>
    listening(title, spanProcessor, (tracerProvider) => new OpenInferenceTracingProcessor({ tracerProvider }));
  const langfuse = { exporter: nowhere, publicKey: 'pk', secretKey: 'sk', baseUrl: 'http://127.0.0.1:9' };
  const title = `${name} ${peers.version(name)}`;
  return [
    openInference(title, batching()),
    openInference(
      `${title} with @langfuse/otel ${peers.version('@langfuse/otel')}`,
      new LangfuseSpanProcessor({ ...langfuse, shouldExportSpan: () => true }),
    ),
  ];
}

interface OpenInferenceModule {
  OpenInferenceTracingProcessor: new (options: object) => TracingProcessor;
}
interface LangfuseModule {
  LangfuseSpanProcessor: new (options: object) => SpanProcessor;
}
