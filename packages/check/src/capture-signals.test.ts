import { LoggerProvider } from '@opentelemetry/sdk-logs';
import { MeterProvider, PeriodicExportingMetricReader } from '@opentelemetry/sdk-metrics';
import { describe, expect, it, vi } from 'vitest';
import { createCapture } from './capture.ts';
import { check } from './check.ts';

describe('createCapture', () => {
  it('records log events', () => {
    const capture = createCapture();
    const provider = new LoggerProvider({ processors: [capture.logRecordProcessor] });
    provider.getLogger('test').emit({ eventName: 'session.start', attributes: { 'session.id': 'conv-42' } });
    expect(capture.index.logs).toMatchObject([{ name: 'session.start', attributes: { 'session.id': 'conv-42' } }]);
    capture.reset();
    expect(capture.index.logs).toEqual([]);
  });

  it('knows of a message in the body of a log event, and keeps none of it', () => {
    const capture = createCapture();
    const logger = new LoggerProvider({ processors: [capture.logRecordProcessor] }).getLogger('test');
    logger.emit({ eventName: 'gen_ai.user.message', body: { content: 'my secret' } });
    logger.emit({ attributes: { 'event.name': 'gen_ai.choice' }, body: { message: { content: 'an answer' } } });
    logger.emit({ eventName: 'gen_ai.choice', body: { index: 0, message: { role: 'assistant' } } });
    logger.emit({ body: 'a line of a log' });
    expect(capture.index.logs.map(({ hasContent }) => hasContent === true)).toEqual([true, true, false, false]);
    expect(JSON.stringify(capture.index.logs.map((log) => ({ ...log, time: 0 })))).not.toContain('my secret');
    expect(check(capture, { only: ['no-content'] }).map(({ what }) => what)).toEqual([
      'Log event "gen_ai.user.message" holds content: a message in its body.',
      'Log event "gen_ai.choice" holds content: a message in its body.',
    ]);
  });

  it.each([undefined, null, '', {}, []])('takes a message whose content is %j for one without any', (content) => {
    const capture = createCapture();
    const logger = new LoggerProvider({ processors: [capture.logRecordProcessor] }).getLogger('test');
    logger.emit({ eventName: 'gen_ai.assistant.message', body: { role: 'assistant', content } });
    expect(capture.index.logs.map(({ hasContent }) => hasContent === true)).toEqual([false]);
  });

  it('looks at what a body holds beside a message, and no deeper than it has to', () => {
    const capture = createCapture();
    const logger = new LoggerProvider({ processors: [capture.logRecordProcessor] }).getLogger('test');
    const nested = (depth: number): object => (depth === 0 ? {} : { inner: nested(depth - 1) });
    for (const body of [{ finish_reason: null, index: 0 }, nested(2), nested(1_000)])
      logger.emit({ eventName: 'gen_ai.choice', body: body as Record<string, string> });
    // What is nested so deep is not searched: it may hold anything.
    expect(capture.index.logs.map(({ hasContent }) => hasContent === true)).toEqual([false, false, true]);
  });

  it('records the metrics of every collection, each series once', async () => {
    const capture = createCapture();
    const reader = new PeriodicExportingMetricReader({ exporter: capture.metricExporter });
    const provider = new MeterProvider({ readers: [reader] });
    const counter = provider.getMeter('test').createCounter('tokens');
    counter.add(1, { kind: 'input' });
    await reader.forceFlush();
    counter.add(1, { kind: 'output' });
    counter.add(1, { kind: 'input' });
    await reader.forceFlush();
    expect(capture.index.metrics).toMatchObject([{ name: 'tokens', series: [{ kind: 'input' }, { kind: 'output' }] }]);
    await provider.shutdown();
  });

  it('tells the SDK that metrics have arrived', () => {
    const { metricExporter } = createCapture();
    const done = vi.fn<(result: { code: number }) => void>();
    metricExporter.export({ scopeMetrics: [] }, done);
    expect(done.mock.calls).toEqual([[{ code: 0 }]]);
  });

  it('forgets what was counted before it was asked to, whatever is counted later', async () => {
    const capture = createCapture();
    const reader = new PeriodicExportingMetricReader({ exporter: capture.metricExporter });
    const provider = new MeterProvider({ readers: [reader] });
    const counter = provider.getMeter('test').createCounter('tokens');
    counter.add(1, { chat: 'a' });
    await reader.forceFlush();
    capture.reset();
    await reader.forceFlush();
    expect(capture.index.metrics).toEqual([]);
    counter.add(1, { chat: 'b' });
    await reader.forceFlush();
    expect(capture.index.metrics).toMatchObject([{ name: 'tokens', series: [{ chat: 'b' }] }]);
    await provider.shutdown();
  });

  it('keeps what a provider exported when another one exports the same metric', async () => {
    const capture = createCapture();
    for (const chat of ['a', 'b']) {
      const reader = new PeriodicExportingMetricReader({ exporter: capture.metricExporter });
      const provider = new MeterProvider({ readers: [reader] });
      provider.getMeter('test').createCounter('tokens').add(1, { chat });
      await provider.shutdown();
    }
    expect(capture.index.metrics).toMatchObject([{ name: 'tokens', series: [{ chat: 'a' }, { chat: 'b' }] }]);
  });

  it('keeps metrics of one name apart, of two scopes and of two versions of one, whatever is counted later', async () => {
    const capture = createCapture();
    const reader = new PeriodicExportingMetricReader({ exporter: capture.metricExporter });
    const provider = new MeterProvider({ readers: [reader] });
    const count = (chat: string, scope: string, version?: string): void =>
      provider.getMeter(scope, version).createCounter('tokens').add(1, { chat });
    count('a', 'first', '1');
    count('b', 'first', '2');
    await reader.forceFlush();
    count('c', 'second');
    await reader.forceFlush();
    const counted = capture.index.metrics.flatMap(({ name, series }) => series.map(({ chat }) => [name, chat]));
    expect(counted).toEqual(['a', 'b', 'c'].map((chat) => ['tokens', chat]));
    await provider.shutdown();
  });
});
