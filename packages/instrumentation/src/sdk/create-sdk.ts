import { metrics, type ContextManager, type Span } from '@opentelemetry/api';
import type { Instrumentation } from '@opentelemetry/instrumentation';
import { isFunction } from '../narrow.ts';
import { goesOnFromEnvironment } from '../propagation/carriers.ts';
import { SessionPropagator } from '../propagation/session-propagator.ts';
import { inProcessContext } from './process-context.ts';
import { SessionSampler } from './session-sampler.ts';
import { SessionSpanProcessor, type SpanProcessorLike } from './session-span-processor.ts';
import type { RegisterOptions } from './variables.ts';

/** What is used of sdk-node's NodeSDK. */
interface NodeSdkLike {
  start(): void;
  shutdown(): Promise<void>;
}

/** A NodeSDK that can also be flushed. */
export interface Sdk extends NodeSdkLike {
  /** Exports the spans that wait in a batch; the measurements too where that is asked for. */
  flush(options?: { readonly metrics: boolean }): Promise<void>;
  /** How many spans have been started. */
  started(): number;
}

export interface SdkOptions extends RegisterOptions {
  /** Makes it when the SDK is loaded: it looks at whatever is loaded from then on. */
  readonly instrumentation: () => Instrumentation;
}

/** Packages that sdk-node brings along, by the protocol that OTEL_EXPORTER_OTLP_PROTOCOL names. */
const OTLP_EXPORTERS = new Map([
  ['http/protobuf', '@opentelemetry/exporter-trace-otlp-proto'],
  ['http/json', '@opentelemetry/exporter-trace-otlp-http'],
  ['grpc', '@opentelemetry/exporter-trace-otlp-grpc'],
]);

/**
 * A NodeSDK by the OTEL_* variables, in which every span carries its session's id; without spans where
 * OTEL_TRACES_EXPORTER is `none`. `require` resolves as sdk-node does, so that its own copies of the exporters are used.
 *
 * NodeSDK takes either its own span processors or ours, so what it would make of the variables is made here.
 * @throws where sdk-node brings none of the packages it is known to bring.
 */
export function createSdk(
  { instrumentation, config, propagation, ratio }: SdkOptions,
  require: NodeJS.Require,
  warn: (message: string) => void,
): Sdk {
  const given = listOf(variable('OTEL_TRACES_EXPORTER') ?? '');
  const names = given.length === 0 ? ['otlp'] : given.includes('none') ? [] : given;
  const stamping = { alsoAs: config.alsoAs ?? [] };
  const spanProcessors = names.flatMap((name) => {
    if (name === 'otlp') return new SessionSpanProcessor(batching(require, otlpExporter(require, warn)), stamping);
    if (name === 'console') return new SessionSpanProcessor(simple(require), stamping);
    warn(`OTEL_TRACES_EXPORTER names ${JSON.stringify(name)}, which is none of otlp, console and none: it is left out`);
    return [];
  });
  const NodeSdk = constructorIn<NodeSdkLike>(require('@opentelemetry/sdk-node'), 'NodeSDK');
  const contextManager = goesOnFromEnvironment() ? inProcessContext(asyncContextManager(require)) : undefined;
  let started = 0;
  const counting = { ...NOTHING, onStart: () => void started++ };
  const sdk = new NodeSdk({
    instrumentations: [instrumentation()],
    spanProcessors: spanProcessors.length === 0 ? [] : [counting, ...spanProcessors],
    ...(contextManager && { contextManager }),
    ...(propagation && { textMapPropagator: new SessionPropagator(propagation) }),
    ...(ratio !== undefined && { sampler: new SessionSampler({ ratio }) }),
  });
  return {
    start: () => sdk.start(),
    shutdown: () => sdk.shutdown(),
    flush: async (options) => {
      const flushed = spanProcessors.map((processor) => processor.forceFlush());
      await Promise.all([...flushed, options?.metrics && flushMetrics()]);
    },
    started: () => started,
  };
}

/** A span processor that does nothing. */
const NOTHING: SpanProcessorLike<Span, object> = {
  onStart() {},
  onEnd() {},
  async forceFlush() {},
  async shutdown() {},
};

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

function otlpExporter(require: NodeJS.Require, warn: (message: string) => void): object {
  const names = ['OTEL_EXPORTER_OTLP_TRACES_PROTOCOL', 'OTEL_EXPORTER_OTLP_PROTOCOL'];
  const name = names.find((one) => variable(one) !== undefined) ?? '';
  const protocol = variable(name) ?? 'http/protobuf';
  const known = OTLP_EXPORTERS.get(protocol);
  if (known === undefined) {
    warn(
      `${name} is ${JSON.stringify(protocol)}, which is none of ${[...OTLP_EXPORTERS.keys()].join(', ')}: http/protobuf is used`,
    );
  }
  const Exporter = constructorIn(require(known ?? '@opentelemetry/exporter-trace-otlp-proto'), 'OTLPTraceExporter');
  return new Exporter();
}

function batching(require: NodeJS.Require, exporter: object): SpanProcessorLike {
  const { exports, takesOptions } = sdkTrace(require);
  const Processor = constructorIn<SpanProcessorLike>(exports, 'BatchSpanProcessor');
  return new Processor(takesOptions ? { exporter, ...batchLimits() } : exporter);
}

/** `sdk-trace-base` looks at these variables itself. */
const BATCH_LIMITS = {
  maxExportBatchSize: 'OTEL_BSP_MAX_EXPORT_BATCH_SIZE',
  maxQueueSize: 'OTEL_BSP_MAX_QUEUE_SIZE',
  scheduledDelayMillis: 'OTEL_BSP_SCHEDULE_DELAY',
  exportTimeoutMillis: 'OTEL_BSP_EXPORT_TIMEOUT',
};

function batchLimits(): Record<string, number> {
  const given = Object.entries(BATCH_LIMITS).map(
    ([limit, name]) => [limit, Number(variable(name) ?? Number.NaN)] as const,
  );
  return Object.fromEntries(given.filter(([, value]) => Number.isFinite(value) && value >= 0));
}

function simple(require: NodeJS.Require): SpanProcessorLike {
  const { exports, takesOptions } = sdkTrace(require);
  const Processor = constructorIn<SpanProcessorLike>(exports, 'SimpleSpanProcessor');
  const ConsoleExporter = constructorIn(exports, 'ConsoleSpanExporter');
  const exporter = new ConsoleExporter();
  return new Processor(takesOptions ? { exporter } : exporter);
}

/** `sdk-trace` came after `sdk-trace-base`; its processors take an object with the exporter in it. */
function sdkTrace(require: NodeJS.Require): { readonly exports: unknown; readonly takesOptions: boolean } {
  try {
    return { exports: require('@opentelemetry/sdk-trace'), takesOptions: true };
  } catch {
    return { exports: require('@opentelemetry/sdk-trace-base'), takesOptions: false };
  }
}

type Constructor<T> = new (options?: unknown) => T;

function constructorIn<T = object>(exports: unknown, name: string): Constructor<T> {
  const found: unknown = typeof exports === 'object' && exports !== null ? Reflect.get(exports, name) : undefined;
  if (isConstructor<T>(found)) return found;
  throw new Error(`the installed OpenTelemetry SDK has no ${name}: use @opentelemetry/sdk-node 0.200 to 0.3xx`);
}

/** What it constructs is the SDK's word. */
function isConstructor<T>(value: unknown): value is Constructor<T> {
  return typeof value === 'function';
}

/**
 * An empty one counts as not set:
 * https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/#parsing-empty-value.
 */
function variable(name: string): string | undefined {
  return process.env[name]?.trim() || undefined;
}

function listOf(value: string): string[] {
  return [...new Set(value.split(',').map((name) => name.trim()))].filter((name) => name !== '');
}
