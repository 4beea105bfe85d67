import { metrics, type ContextManager } from '@opentelemetry/api';
import type { Instrumentation } from '@opentelemetry/instrumentation';
import { isFunction } from '../narrow.ts';
import { goesOnFromEnvironment } from '../propagation/carriers.ts';
import { SessionPropagator } from '../propagation/session-propagator.ts';
import { constructorIn, exportingLogs, exportingSpans } from './exporters.ts';
import { OpenSpans } from './open-spans.ts';
import { inProcessContext } from './process-context.ts';
import { SessionLogProcessor } from './session-log-processor.ts';
import { SessionSampler } from './session-sampler.ts';
import { SessionSpanProcessor } from './session-span-processor.ts';
import type { RegisterOptions } from './variables.ts';

/** What is used of sdk-node's NodeSDK. */
interface NodeSdkLike {
  start(): void;
  shutdown(): Promise<void>;
}

/** A NodeSDK that can also be flushed. Shut down, it closes what is open of ours, as abandoned. */
export interface Sdk extends NodeSdkLike {
  /** Exports the spans and log records that wait in a batch; the measurements too where that is asked for. */
  flush(options?: { readonly metrics: boolean }): Promise<void>;
  /** How many spans have been started. */
  started(): number;
}

export interface SdkOptions extends RegisterOptions {
  /** Makes it when the SDK is loaded: it looks at whatever is loaded from then on. */
  readonly instrumentation: () => Instrumentation;
}

/**
 * A NodeSDK by the OTEL_* variables, in which every span and log record carries its session's id; without spans where
 * OTEL_TRACES_EXPORTER is `none`. `require` resolves as sdk-node does, so that its own copies of the exporters are used.
 *
 * NodeSDK takes either its own processors or ours, so what it would make of the variables is made here.
 * @throws where sdk-node brings none of the packages it is known to bring.
 */
export function createSdk(
  { instrumentation, config, propagation, ratio }: SdkOptions,
  require: NodeJS.Require,
  warn: (message: string) => void,
): Sdk {
  const stamping = { alsoAs: config.alsoAs ?? [] };
  const once = warnOnce(warn);
  const open = exportingSpans(require, once).map((next) => new OpenSpans(next));
  const spanProcessors = open.map((next) => new SessionSpanProcessor(next, stamping));
  const logRecordProcessors = exportingLogs(require, once).map((next) => new SessionLogProcessor(next));
  const NodeSdk = constructorIn<NodeSdkLike>(require('@opentelemetry/sdk-node'), 'NodeSDK');
  const contextManager = goesOnFromEnvironment() ? inProcessContext(asyncContextManager(require)) : undefined;
  const observing = instrumentation();
  const sdk = new NodeSdk({
    instrumentations: [observing],
    spanProcessors,
    ...(logRecordProcessors.length > 0 && { logRecordProcessors }),
    ...(contextManager && { contextManager }),
    ...(propagation && { textMapPropagator: new SessionPropagator(propagation) }),
    ...(ratio !== undefined && { sampler: new SessionSampler({ ratio }) }),
  });
  return {
    start: () => sdk.start(),
    shutdown: () => {
      observing.disable();
      return sdk.shutdown();
    },
    flush: async (options) => {
      const flushed = [...spanProcessors, ...logRecordProcessors].map((processor) => processor.forceFlush());
      await Promise.all([...flushed, options?.metrics && flushMetrics()]);
    },
    started: () => open[0]?.started ?? 0,
  };
}

/** One variable may be wrong for spans and for log records. */
function warnOnce(warn: (message: string) => void): (message: string) => void {
  const said = new Set<string>();
  return (message) => {
    if (!said.has(message)) warn(message);
    said.add(message);
  };
}

/** The API has no word for it; the SDK's providers have. */
async function flushMetrics(): Promise<void> {
  const provider = metrics.getMeterProvider();
  const forceFlush: unknown = Reflect.get(provider, 'forceFlush');
  if (isFunction(forceFlush)) await forceFlush.call(provider);
}

/** The one that NodeSDK takes by itself. */
function asyncContextManager(require: NodeJS.Require): ContextManager {
  const exports: unknown = require('@opentelemetry/context-async-hooks');
  const Manager = constructorIn<ContextManager>(exports, 'AsyncLocalStorageContextManager');
  return new Manager().enable();
}
