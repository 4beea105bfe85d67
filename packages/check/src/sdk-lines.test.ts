import { ROOT_CONTEXT, SpanKind, trace, type Tracer } from '@opentelemetry/api';
import * as second from '@opentelemetry/sdk-trace-base';
import * as first from 'sdk-trace-1';
import * as third from 'sdk-trace-3';
import { describe, expect, it } from 'vitest';
import { type Capture, captureFrom, createCapture } from './capture.ts';

interface Line {
  readonly name: string;
  readonly tracer: Tracer;
  readonly processed: Capture;
  readonly exported: Capture;
}

// Written out per line and not shared: each of them has to compile against the types of its own SDK.
function firstLine(): Line {
  const [processed, exporter] = [createCapture(), new first.InMemorySpanExporter()];
  const spanProcessors = [new first.SimpleSpanProcessor(exporter), processed.spanProcessor];
  const tracer = new first.BasicTracerProvider({ spanProcessors }).getTracer('test');
  return { name: '1.x', tracer, processed, exported: captureFrom(exporter) };
}

function secondLine(): Line {
  const [processed, exporter] = [createCapture(), new second.InMemorySpanExporter()];
  const spanProcessors = [new second.SimpleSpanProcessor(exporter), processed.spanProcessor];
  const tracer = new second.BasicTracerProvider({ spanProcessors }).getTracer('test');
  return { name: '2.x', tracer, processed, exported: captureFrom(exporter) };
}

function thirdLine(): Line {
  const [processed, exporter] = [createCapture(), new third.InMemorySpanExporter()];
  const spanProcessors = [new third.SimpleSpanProcessor({ exporter }), processed.spanProcessor];
  const tracer = new third.TracerProvider({ spanProcessors }).getTracer('test');
  return { name: '3.x', tracer, processed, exported: captureFrom(exporter) };
}

describe.each([firstLine(), secondLine(), thirdLine()])(
  'spans of SDK $name',
  ({ name, tracer, processed, exported }) => {
    const remote = { traceId: 'a'.repeat(32), spanId: 'b'.repeat(16), traceFlags: 1, isRemote: true };
    const server = tracer.startSpan('POST', { kind: SpanKind.SERVER }, trace.setSpanContext(ROOT_CONTEXT, remote));
    const attributes = { 'turnkeeper.engine.name': 'pi', 'session.id': 'conv-42' };
    const root = tracer.startSpan('invoke_agent pi', { attributes }, trace.setSpan(ROOT_CONTEXT, server));
    root.addEvent('run.start', { 'session.id': 'conv-42' });
    tracer.startSpan('chat m1', { kind: SpanKind.CLIENT }, trace.setSpan(ROOT_CONTEXT, root)).end();
    root.end();
    server.end();

    it.each([
      ['a processor', processed],
      ['an exporter', exported],
    ])('are captured from %s, with the tree that they make', (_, capture) => {
      const top = name === '1.x' ? 'POST (parent missing)' : 'POST (remote parent)';
      expect(capture.tree()).toBe(`${top}\n  invoke_agent pi [session conv-42] run.start\n    chat m1 [no session]`);
      expect(capture.spans.map(({ kind }) => kind)).toEqual(['server', 'internal', 'client']);
      expect(capture.index.runs.map(({ session }) => session)).toEqual(['conv-42']);
    });
  },
);
