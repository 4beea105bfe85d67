import type { LogRecordProcessorLike } from './session-log-processor.ts';
import type { SpanProcessorLike } from './session-span-processor.ts';

type Warn = (message: string) => void;

/** What exports spans, one for each name in OTEL_TRACES_EXPORTER. `require` resolves as sdk-node does. */
export function exportingSpans(require: NodeJS.Require, warn: Warn): SpanProcessorLike[] {
  return byNames('OTEL_TRACES_EXPORTER', warn, {
    otlp: () => {
      const { exports, takesOptions } = sdkTrace(require);
      const Processor = constructorIn<SpanProcessorLike>(exports, 'BatchSpanProcessor');
      const exporter = otlpExporter(require, warn, TRACES);
      return new Processor(takesOptions ? { exporter, ...batchLimits('OTEL_BSP') } : exporter);
    },
    console: () => {
      const { exports, takesOptions } = sdkTrace(require);
      const Processor = constructorIn<SpanProcessorLike>(exports, 'SimpleSpanProcessor');
      const exporter = new (constructorIn(exports, 'ConsoleSpanExporter'))();
      return new Processor(takesOptions ? { exporter } : exporter);
    },
  });
}

/** What exports log records, one for each name in OTEL_LOGS_EXPORTER. */
export function exportingLogs(require: NodeJS.Require, warn: Warn): LogRecordProcessorLike[] {
  return byNames('OTEL_LOGS_EXPORTER', warn, {
    otlp: () => {
      const limits = batchLimits('OTEL_BLRP');
      const Processor = constructorIn<LogRecordProcessorLike>(sdkLogs(require), 'BatchLogRecordProcessor');
      return new Processor({ ...limits, ...asEither(otlpExporter(require, warn, LOGS)) }, limits);
    },
    console: () => {
      const exports = sdkLogs(require);
      const Processor = constructorIn<LogRecordProcessorLike>(exports, 'SimpleLogRecordProcessor');
      return new Processor(asEither(new (constructorIn<ExporterLike>(exports, 'ConsoleLogRecordExporter'))()));
    },
  });
}

interface Makers<T> {
  readonly otlp: () => T;
  readonly console: () => T;
}

function byNames<T>(name: string, warn: Warn, make: Makers<T>): T[] {
  const given = listOf(variable(name) ?? '');
  if (given.includes('none')) return [];
  return (given.length === 0 ? ['otlp'] : given).flatMap((one) => {
    if (one === 'otlp' || one === 'console') return make[one]();
    warn(`${name} names ${JSON.stringify(one)}, which is none of otlp, console and none: it is left out`);
    return [];
  });
}

/** What is exported, in the words of its variables, its packages, and the class in them. */
interface Signal {
  readonly variable: string;
  readonly packages: string;
  readonly exporter: string;
}

const TRACES: Signal = { variable: 'TRACES', packages: 'trace', exporter: 'OTLPTraceExporter' };
const LOGS: Signal = { variable: 'LOGS', packages: 'logs', exporter: 'OTLPLogExporter' };

/** How the packages that sdk-node brings along are called, by the protocol that OTEL_EXPORTER_OTLP_PROTOCOL names. */
const PROTOCOLS = new Map([
  ['http/protobuf', 'proto'],
  ['http/json', 'http'],
  ['grpc', 'grpc'],
]);

/** What is used of an exporter of either line. */
interface ExporterLike {
  export(records: unknown, done: unknown): void;
  forceFlush?(): Promise<void>;
  shutdown(): Promise<void>;
}

function otlpExporter(require: NodeJS.Require, warn: Warn, signal: Signal): ExporterLike {
  const names = [`OTEL_EXPORTER_OTLP_${signal.variable}_PROTOCOL`, 'OTEL_EXPORTER_OTLP_PROTOCOL'];
  const name = names.find((one) => variable(one) !== undefined) ?? '';
  const protocol = variable(name) ?? 'http/protobuf';
  const known = PROTOCOLS.get(protocol);
  if (known === undefined) {
    warn(
      `${name} is ${JSON.stringify(protocol)}, which is none of ${[...PROTOCOLS.keys()].join(', ')}: http/protobuf is used`,
    );
  }
  const exports: unknown = require(`@opentelemetry/exporter-${signal.packages}-otlp-${known ?? 'proto'}`);
  return new (constructorIn<ExporterLike>(exports, signal.exporter))();
}

/** Processors of log records take an exporter, in later versions an object with the exporter in it: this is both. */
function asEither(exporter: ExporterLike): ExporterLike & { readonly exporter: ExporterLike } {
  return {
    exporter,
    export: (records, done) => exporter.export(records, done),
    forceFlush: async () => exporter.forceFlush?.(),
    shutdown: () => exporter.shutdown(),
  };
}

/** The processors of `sdk-trace-base`, and the older ones of log records, look at these variables themselves. */
const BATCH_LIMITS = {
  maxExportBatchSize: 'MAX_EXPORT_BATCH_SIZE',
  maxQueueSize: 'MAX_QUEUE_SIZE',
  scheduledDelayMillis: 'SCHEDULE_DELAY',
  exportTimeoutMillis: 'EXPORT_TIMEOUT',
};

function batchLimits(prefix: 'OTEL_BSP' | 'OTEL_BLRP'): Record<string, number> {
  const given = Object.entries(BATCH_LIMITS).map(
    ([limit, name]) => [limit, Number(variable(`${prefix}_${name}`) ?? Number.NaN)] as const,
  );
  return Object.fromEntries(given.filter(([, value]) => Number.isFinite(value) && value >= 0));
}

/** `sdk-trace` came after `sdk-trace-base`; its processors take an object with the exporter in it. */
function sdkTrace(require: NodeJS.Require): { readonly exports: unknown; readonly takesOptions: boolean } {
  try {
    return { exports: require('@opentelemetry/sdk-trace'), takesOptions: true };
  } catch {
    return { exports: require('@opentelemetry/sdk-trace-base'), takesOptions: false };
  }
}

function sdkLogs(require: NodeJS.Require): unknown {
  return require('@opentelemetry/sdk-logs');
}

type Constructor<T> = new (options?: unknown, more?: unknown) => T;

/** The class of this name. @throws where an installed package has none. */
export function constructorIn<T = object>(exports: unknown, name: string): Constructor<T> {
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
