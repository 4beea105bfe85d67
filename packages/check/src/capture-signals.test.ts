import { LoggerProvider } from '@opentelemetry/sdk-logs';
import { MeterProvider, PeriodicExportingMetricReader } from '@opentelemetry/sdk-metrics';
import { describe, expect, it } from 'vitest';
import { createCapture } from './capture.ts';

describe('createCapture', () => {
  it('records log events', () => {
    const capture = createCapture();
    const provider = new LoggerProvider({ processors: [capture.logRecordProcessor] });
    provider.getLogger('test').emit({ eventName: 'session.start', attributes: { 'session.id': 'conv-42' } });
    expect(capture.index.logs).toMatchObject([{ name: 'session.start', attributes: { 'session.id': 'conv-42' } }]);
    capture.reset();
    expect(capture.index.logs).toEqual([]);
  });

  it('records the metrics of the last collection', async () => {
    const capture = createCapture();
    const reader = new PeriodicExportingMetricReader({ exporter: capture.metricExporter });
    const provider = new MeterProvider({ readers: [reader] });
    const counter = provider.getMeter('test').createCounter('tokens');
    counter.add(1, { kind: 'input' });
    await reader.forceFlush();
    counter.add(1, { kind: 'output' });
    await reader.forceFlush();
    expect(capture.index.metrics).toMatchObject([{ name: 'tokens', series: [{ kind: 'input' }, { kind: 'output' }] }]);
    await provider.shutdown();
  });
});
