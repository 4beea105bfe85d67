import { context, ROOT_CONTEXT, SpanKind, SpanStatusCode, trace, TraceFlags } from '@opentelemetry/api';
import { BasicTracerProvider, InMemorySpanExporter, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-base';
import { describe, expect, it } from 'vitest';
import { captureFrom, createCapture } from './capture.ts';
import type { FinishedSpan } from './sources/in-memory.ts';

function recordTurn(provider: BasicTracerProvider): void {
  const tracer = provider.getTracer('test');
  const root = tracer.startSpan('invoke_agent pi', { attributes: { 'session.id': 'conv-42' } });
  root.addEvent('run.start', { 'session.id': 'conv-42' });
  const child = tracer.startSpan('chat m1', { kind: SpanKind.CLIENT }, trace.setSpan(ROOT_CONTEXT, root));
  child.setStatus({ code: SpanStatusCode.ERROR, message: 'too slow' });
  child.end();
  root.end();
}

describe('createCapture', () => {
  it('sees spans that end after it was read first, and forgets them when asked to', () => {
    const capture = createCapture();
    const provider = new BasicTracerProvider({ spanProcessors: [capture.spanProcessor] });
    expect(capture.spans).toEqual([]);
    recordTurn(provider);
    expect(capture.spans.map(({ name }) => name)).toEqual(['invoke_agent pi', 'chat m1']);
    expect(capture.spans).toBe(capture.spans);
    recordTurn(provider);
    expect(capture.spans).toHaveLength(4);
    capture.reset();
    expect(capture.spans).toEqual([]);
    recordTurn(provider);
    const spans = capture.spans;
    expect(spans).toHaveLength(2);
    capture.reset();
    recordTurn(provider);
    expect(capture.spans).toHaveLength(2);
    expect(capture.spans).not.toContain(spans[0]);
  });

  it('forgets spans that have begun as well, and takes those of which it saw no beginning', () => {
    const capture = createCapture();
    const before: FinishedSpan[] = [];
    const { spanProcessor } = capture;
    const late = { ...spanProcessor, onStart: () => {}, onEnd: (span: FinishedSpan) => void before.push(span) };
    const tracer = new BasicTracerProvider({ spanProcessors: [spanProcessor] }).getTracer('test');
    const open = ['first', 'second'].map((name) => tracer.startSpan(name));
    open[0]?.end();
    capture.reset();
    open[1]?.end();
    tracer.startSpan('third').end();
    expect(capture.spans.map(({ name }) => name)).toEqual(['third']);
    new BasicTracerProvider({ spanProcessors: [late] }).getTracer('test').startSpan('unseen').end();
    for (const span of before) spanProcessor.onEnd(span);
    expect(capture.spans.map(({ name }) => name).toSorted()).toEqual(['third', 'unseen']);
  });

  it('says everything about a span that the SDK said', () => {
    const capture = createCapture();
    recordTurn(new BasicTracerProvider({ spanProcessors: [capture.spanProcessor] }));
    const [root, child] = capture.spans;
    expect(root).toMatchObject({
      parentSpanId: undefined,
      parentIsRemote: undefined,
      kind: 'internal',
      status: 'unset',
      attributes: { 'session.id': 'conv-42' },
      events: [{ name: 'run.start', attributes: { 'session.id': 'conv-42' } }],
      place: undefined,
    });
    expect(child).toMatchObject({
      traceId: root?.traceId,
      parentSpanId: root?.spanId,
      parentIsRemote: false,
      kind: 'client',
      status: 'error',
      statusMessage: 'too slow',
    });
    expect(child!.start).toBeGreaterThan(1_700_000_000_000_000_000n);
    expect(child!.end).toBeGreaterThanOrEqual(child!.start);
  });

  it('knows a parent in another process', () => {
    const capture = createCapture();
    const provider = new BasicTracerProvider({ spanProcessors: [capture.spanProcessor] });
    const remote = { traceId: 'a'.repeat(32), spanId: 'b'.repeat(16), traceFlags: TraceFlags.SAMPLED, isRemote: true };
    provider.getTracer('test').startSpan('POST', {}, trace.setSpanContext(ROOT_CONTEXT, remote)).end();
    expect(capture.spans[0]).toMatchObject({ parentSpanId: remote.spanId, parentIsRemote: true });
  });

  it('keeps the order of starting where spans start at the same time', () => {
    const capture = createCapture();
    const tracer = new BasicTracerProvider({ spanProcessors: [capture.spanProcessor] }).getTracer('test');
    const at = 1_700_000_000_000;
    const root = tracer.startSpan('root', { startTime: at });
    const inside = trace.setSpan(context.active(), root);
    const spans = ['first', 'second', 'third'].map((name) => tracer.startSpan(name, { startTime: at }, inside));
    for (const span of spans.toReversed()) span.end(at + 1);
    root.end(at + 1);
    expect(capture.tree()).toBe('root\n  first\n  second\n  third');
  });

  it('does not change what it said when somebody changes the span afterwards', () => {
    const ended: FinishedSpan[] = [];
    const provider = new BasicTracerProvider({
      spanProcessors: [{ ...createCapture().spanProcessor, onEnd: (span) => void ended.push(span) }],
    });
    recordTurn(provider);
    const capture = captureFrom(ended);
    const before = capture.spans.find(({ name }) => name === 'invoke_agent pi');
    Object.assign(ended.find(({ name }) => name === 'invoke_agent pi')!.attributes, { 'session.id': 'late' });
    expect(before?.attributes['session.id']).toBe('conv-42');
  });
});

describe('captureFrom', () => {
  it("reads the SDK's own InMemorySpanExporter, again whenever it is asked", () => {
    const exporter = new InMemorySpanExporter();
    const provider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] });
    const capture = captureFrom(exporter);
    recordTurn(provider);
    expect(capture.tree()).toMatchInlineSnapshot(`
      "invoke_agent pi [session conv-42]
        chat m1 (error without a type)"
    `);
    exporter.reset();
    expect(capture.spans).toEqual([]);
  });

  it('reads any finished spans: a list that grows, or anything that can be walked once', () => {
    const exporter = new InMemorySpanExporter();
    recordTurn(new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] }));
    const list: FinishedSpan[] = [];
    const growing = captureFrom(list);
    list.push(...exporter.getFinishedSpans());
    expect(growing.spans).toHaveLength(2);
    const once = captureFrom(list.values());
    expect([once.spans.length, once.spans.length]).toEqual([2, 2]);
  });

  it('refuses anything else, from callers without types', () => {
    for (const nothing of ['{}', 'null', '"a"'])
      expect(() => captureFrom(JSON.parse(nothing))).toThrow(/^captureFrom reads an exporter .* InMemorySpanExporter/u);
  });

  it('reads spans of SDK 1.x, which know only the id of their parent', () => {
    const parent = oldSpan('invoke_agent pi', '1'.repeat(16), undefined);
    const child = oldSpan('chat m1', '2'.repeat(16), '1'.repeat(16));
    const capture = captureFrom([child, parent]);
    expect(capture.tree()).toBe('invoke_agent pi\n  chat m1');
    expect(capture.spans.map(({ parentIsRemote }) => parentIsRemote)).toEqual([undefined, undefined]);
  });
});

function oldSpan(name: string, spanId: string, parentSpanId: string | undefined): FinishedSpan {
  return {
    name,
    kind: 0,
    spanContext: () => ({ traceId: 'a'.repeat(32), spanId }),
    parentSpanId,
    startTime: [1_700_000_000, 5],
    endTime: [1_700_000_000, 9],
    status: { code: 0 },
    attributes: {},
    events: [],
    links: [],
    resource: { attributes: {} },
  };
}
