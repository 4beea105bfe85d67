/**
 * The scripted ACP agent as a program of its own that traces itself: it goes on where the `_meta` of each prompt
 * comes from, and writes its spans to the file that AGENT_SPANS names.
 */
import { context, propagation, trace } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { CompositePropagator, W3CBaggagePropagator, W3CTraceContextPropagator } from '@opentelemetry/core';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { BasicTracerProvider } from '@opentelemetry/sdk-trace-base';
import { serveScriptedAgent, type Around } from '@turnkeeper/model-server/acp-agent';
import { carrierFromMeta, withCarrier } from '../propagation/carriers.ts';
import { otlpFileProcessor } from './otlp-file.ts';

const provider = new BasicTracerProvider({
  resource: resourceFromAttributes({ 'service.name': 'agent', 'process.pid': process.pid }),
  spanProcessors: [otlpFileProcessor(process.env['AGENT_SPANS'] ?? '/dev/null')],
});
trace.setGlobalTracerProvider(provider);
context.setGlobalContextManager(new AsyncLocalStorageContextManager());
propagation.setGlobalPropagator(
  new CompositePropagator({ propagators: [new W3CTraceContextPropagator(), new W3CBaggagePropagator()] }),
);
const tracer = provider.getTracer('agent');

const around: Around = (what, work) => {
  const traced = (): ReturnType<typeof work> =>
    tracer.startActiveSpan(what.kind === 'turn' ? 'agent turn' : 'agent tool', async (span) => {
      try {
        return await work();
      } finally {
        span.end();
      }
    });
  return what.kind === 'turn' ? withCarrier(carrierFromMeta(what.meta), traced) : traced();
};

serveScriptedAgent({ around });
