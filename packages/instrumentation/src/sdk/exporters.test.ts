import { createRequire } from 'node:module';
import { ROOT_CONTEXT } from '@opentelemetry/api';
import { LoggerProvider } from '@opentelemetry/sdk-logs';
import { BasicTracerProvider } from '@opentelemetry/sdk-trace-base';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { exportingLogs, exportingSpans } from './exporters.ts';

const load = createRequire(import.meta.url);
let batches: number[];
let loaded: string[];
let warnings: string[];
beforeEach(() => {
  [batches, loaded, warnings] = [[], [], []];
});
afterEach(() => {
  vi.unstubAllEnvs();
  vi.restoreAllMocks();
});

/** Takes what is exported. */
class Exporter {
  export(records: readonly unknown[], done: (result: { code: number }) => void): void {
    batches.push(records.length);
    // A batch that takes nothing out of the queue would be followed by the next one for ever.
    if (batches.length > 10) throw new Error('so many batches');
    done({ code: 0 });
  }

  async forceFlush(): Promise<void> {}

  async shutdown(): Promise<void> {}
}

/** As sdk-node resolves it, with the real SDK of one of its lines, and an exporter that sends nothing. */
function requireOf(trace: 'sdk-trace-3' | '@opentelemetry/sdk-trace-base'): NodeJS.Require {
  const from = (name: string): unknown => {
    if (name.includes('exporter')) {
      loaded.push(name);
      return { OTLPTraceExporter: Exporter, OTLPLogExporter: Exporter };
    }
    if (name !== '@opentelemetry/sdk-trace') return load(name);
    if (trace === 'sdk-trace-3') return load(trace);
    throw new Error(`Cannot find module ${name}`);
  };
  return from as NodeJS.Require;
}

const warn = (message: string): void => void warnings.push(message);

async function exportSpans(count: number, require: NodeJS.Require): Promise<void> {
  const processors = exportingSpans(require, warn);
  const tracer = new BasicTracerProvider({ spanProcessors: processors }).getTracer('test');
  for (let at = 0; at < count; at += 1) tracer.startSpan('GET', {}, ROOT_CONTEXT).end();
  for (const processor of processors) await processor.shutdown();
}

async function exportLogs(count: number): Promise<void> {
  const processors = exportingLogs(requireOf('sdk-trace-3'), warn);
  const logger = new LoggerProvider({ processors }).getLogger('test');
  for (let at = 0; at < count; at += 1) logger.emit({ body: 'a line' });
  for (const processor of processors) await processor.shutdown();
}

describe.each(['sdk-trace-3', '@opentelemetry/sdk-trace-base'] as const)('spans through %s', (line) => {
  test('leave in batches of the size that OTEL_BSP_MAX_EXPORT_BATCH_SIZE says', async () => {
    vi.stubEnv('OTEL_BSP_MAX_EXPORT_BATCH_SIZE', '2');
    vi.stubEnv('OTEL_BLRP_MAX_EXPORT_BATCH_SIZE', '3');
    await exportSpans(5, requireOf(line));
    expect(batches).toEqual([2, 2, 1]);
  });

  test('leave in batches of no more than OTEL_BSP_MAX_QUEUE_SIZE, where that is less', async () => {
    vi.stubEnv('OTEL_BSP_MAX_QUEUE_SIZE', '3');
    await exportSpans(5, requireOf(line));
    expect(batches).toEqual([3, 2]);
  });
});

// The processors of the other line read the variables themselves.
test.each(['many', ' ', '-1'])('spans through sdk-trace leave in one batch where its size is %j', async (size) => {
  vi.stubEnv('OTEL_BSP_MAX_EXPORT_BATCH_SIZE', size);
  await exportSpans(5, requireOf('sdk-trace-3'));
  expect(batches).toEqual([5]);
});

test('log records leave in batches of the size that OTEL_BLRP_MAX_EXPORT_BATCH_SIZE says', async () => {
  vi.stubEnv('OTEL_LOGS_EXPORTER', 'otlp');
  vi.stubEnv('OTEL_BLRP_MAX_EXPORT_BATCH_SIZE', '2');
  vi.stubEnv('OTEL_BSP_MAX_EXPORT_BATCH_SIZE', '3');
  await exportLogs(5);
  expect(batches).toEqual([2, 2, 1]);
});

describe('the exporter', () => {
  test.each([
    [{}, 'proto'],
    [{ OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json' }, 'http'],
    [{ OTEL_EXPORTER_OTLP_PROTOCOL: ' grpc ' }, 'grpc'],
    [{ OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc', OTEL_EXPORTER_OTLP_SIGNAL_PROTOCOL: 'http/json' }, 'http'],
    [{ OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc', OTEL_EXPORTER_OTLP_SIGNAL_PROTOCOL: ' ' }, 'grpc'],
    [{ OTEL_EXPORTER_OTLP_PROTOCOL: 'http/protobuf' }, 'proto'],
  ])('under %j is that of %s', (variables, name) => {
    for (const [key, value] of Object.entries(variables)) {
      vi.stubEnv(key.replace('SIGNAL', 'TRACES'), value);
      vi.stubEnv(key.replace('SIGNAL', 'LOGS'), value);
    }
    exportingSpans(requireOf('sdk-trace-3'), warn);
    exportingLogs(requireOf('sdk-trace-3'), warn);
    expect(loaded).toEqual([`@opentelemetry/exporter-trace-otlp-${name}`, `@opentelemetry/exporter-logs-otlp-${name}`]);
    expect(warnings).toEqual([]);
  });

  test('is named once for each name, and not at all beside none', () => {
    const made = (names: string): number => {
      vi.stubEnv('OTEL_TRACES_EXPORTER', names);
      return exportingSpans(requireOf('sdk-trace-3'), warn).length;
    };
    expect(['', 'otlp', 'otlp, console,otlp', 'otlp,none', 'none'].map(made)).toEqual([1, 1, 2, 0, 0]);
    expect(warnings).toEqual([]);
    expect(made('zipkin,console')).toBe(1);
    expect(warnings).toEqual([
      'OTEL_TRACES_EXPORTER names "zipkin", which is none of otlp, console and none: it is left out',
    ]);
  });
});
