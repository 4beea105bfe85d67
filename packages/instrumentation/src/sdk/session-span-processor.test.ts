import {
  context,
  INVALID_SPAN_CONTEXT,
  ROOT_CONTEXT,
  trace,
  type Attributes,
  type Tracer,
  type TracerProvider,
} from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import * as second from '@opentelemetry/sdk-trace-base';
import { captureFrom, createCapture, type Capture } from '@turnkeeper/check';
import '@turnkeeper/check/vitest';
import * as first from 'sdk-trace-1';
import * as third from 'sdk-trace-3';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { currentSession, withSession } from '../session/active-session.ts';
import { script } from '../testing/scripted.ts';
import { SessionLogProcessor } from './session-log-processor.ts';
import { SessionSpanProcessor, type SessionSpanProcessorOptions } from './session-span-processor.ts';

const ok = { kind: 'ok' } as const;

interface Line {
  readonly tracer: Tracer;
  readonly tracerProvider: TracerProvider;
  readonly capture: Capture;
}

// Written out per line and not shared: each of them has to compile against the types of its own SDK.
const lines = {
  '1.x': (options?: SessionSpanProcessorOptions): Line => {
    const exporter = new first.InMemorySpanExporter();
    const ours = new SessionSpanProcessor(new first.SimpleSpanProcessor(exporter), options);
    const tracerProvider = new first.BasicTracerProvider({ spanProcessors: [ours] });
    return { tracerProvider, tracer: tracerProvider.getTracer('test'), capture: captureFrom(exporter) };
  },
  '2.x': (options?: SessionSpanProcessorOptions): Line => {
    const exporter = new second.InMemorySpanExporter();
    const ours = new SessionSpanProcessor(new second.SimpleSpanProcessor(exporter), options);
    const tracerProvider = new second.BasicTracerProvider({ spanProcessors: [ours] });
    return { tracerProvider, tracer: tracerProvider.getTracer('test'), capture: captureFrom(exporter) };
  },
  '2.x, beside the processor that exports': (options?: SessionSpanProcessorOptions): Line => {
    const exporter = new second.InMemorySpanExporter();
    const spanProcessors = [new SessionSpanProcessor(undefined, options), new second.SimpleSpanProcessor(exporter)];
    const tracerProvider = new second.BasicTracerProvider({ spanProcessors });
    return { tracerProvider, tracer: tracerProvider.getTracer('test'), capture: captureFrom(exporter) };
  },
  '3.x': (options?: SessionSpanProcessorOptions): Line => {
    const exporter = new third.InMemorySpanExporter();
    const ours = new SessionSpanProcessor(new third.SimpleSpanProcessor({ exporter }), options);
    const tracerProvider = new third.TracerProvider({ spanProcessors: [ours] });
    return { tracerProvider, tracer: tracerProvider.getTracer('test'), capture: captureFrom(exporter) };
  },
};

beforeEach(() => void context.setGlobalContextManager(new AsyncLocalStorageContextManager()));
afterEach(() => context.disable());

describe.each(Object.entries(lines))('on SDK %s', (line, open) => {
  const isBeside = line.includes('beside');

  test('puts the session’s id back that another instrumentation wrote over, and keeps the other value', () => {
    const { tracer, capture } = open();
    withSession('conv-42', () => {
      const span = tracer.startSpan('POST');
      span.setAttribute('session.id', 'theirs');
      span.end();
      const untouched = tracer.startSpan('GET');
      untouched.setAttribute('mine', 1);
      untouched.end();
    });
    expect(capture.spans.map(({ attributes }) => attributes)).toEqual([
      { 'session.id': 'conv-42', 'turnkeeper.session.overwritten': 'theirs' },
      { 'session.id': 'conv-42', mine: 1 },
    ]);
  });

  test('keeps the session’s id that a span was started with, where it is another', () => {
    const { tracer, capture } = open();
    withSession('conv-42', () => {
      for (const id of ['theirs', 'conv-42']) tracer.startSpan('POST', { attributes: { 'session.id': id } }).end();
    });
    expect(capture.spans.map(({ attributes }) => attributes)).toEqual([
      { 'session.id': 'conv-42', 'turnkeeper.session.overwritten': 'theirs' },
      { 'session.id': 'conv-42' },
    ]);
  });

  test('gives a GenAI span of anybody’s the conversation, and keeps the one that it had', () => {
    const { tracer, capture } = open();
    withSession('conv-42', () => {
      for (const attributes of [{}, { 'gen_ai.conversation.id': 'theirs' }, { 'gen_ai.conversation.id': 'conv-42' }]) {
        tracer.startSpan('chat', { attributes: { 'gen_ai.operation.name': 'chat', ...attributes } }).end();
      }
    });
    expect(
      capture.spans.map(({ attributes }) => [
        attributes['gen_ai.conversation.id'],
        attributes['turnkeeper.session.overwritten'],
      ]),
    ).toEqual([
      ['conv-42', undefined],
      ['conv-42', 'theirs'],
      ['conv-42', undefined],
    ]);
  });

  test('stamps spans that are started with an explicit parent, and their children', () => {
    const { tracer, capture } = open();
    const parent = withSession('conv-42', () => tracer.startSpan('parent'));
    const child = tracer.startSpan('child', {}, trace.setSpan(ROOT_CONTEXT, parent));
    tracer.startSpan('grandchild', {}, trace.setSpan(ROOT_CONTEXT, child)).end();
    child.end();
    parent.end();
    withSession('conv-43', () => tracer.startSpan('stranger', {}, ROOT_CONTEXT).end());
    const sessions = capture.spans.map((span) => [span.name, span.attributes['session.id']]);
    expect(Object.fromEntries(sessions)).toEqual({
      parent: 'conv-42',
      child: 'conv-42',
      grandchild: 'conv-42',
      stranger: undefined,
    });
  });

  test.each([[['langfuse.session.id']], ['langfuse.session.id']])('writes the id under %j as well', (alsoAs) => {
    const { tracer, capture } = open(JSON.parse(JSON.stringify({ alsoAs })));
    withSession('conv-42', () => tracer.startSpan('POST').end());
    expect(capture.spans.map(({ attributes }) => attributes)).toEqual([
      { 'session.id': 'conv-42', 'langfuse.session.id': 'conv-42' },
    ]);
  });

  test('writes the id under further names, and the conversation on every span, where that is asked for', () => {
    const { tracer, capture } = open({ alsoAs: ['langfuse.session.id'], conversationOnEverySpan: true });
    withSession('conv-42', () => {
      const span = tracer.startSpan('POST');
      span.setAttribute('session.id', 'theirs');
      span.end();
      tracer.startSpan('POST', { attributes: { 'gen_ai.conversation.id': 'theirs' } }).end();
    });
    for (const { attributes } of capture.spans) {
      expect(attributes).toEqual({
        'session.id': 'conv-42',
        'langfuse.session.id': 'conv-42',
        'gen_ai.conversation.id': 'conv-42',
        'turnkeeper.session.overwritten': 'theirs',
      });
    }
    expect(capture.spans).toHaveLength(2);
  });

  test('does the same for a span that was active already where the session was bound', () => {
    const { tracer, capture } = open({ alsoAs: ['langfuse.session.id'], conversationOnEverySpan: true });
    for (const name of ['overwritten', 'plain']) {
      tracer.startActiveSpan(name, (span) => {
        withSession('conv-42', () => {});
        if (name === 'overwritten') span.setAttribute('session.id', 'theirs');
        span.end();
      });
    }
    const all = { 'session.id': 'conv-42', 'langfuse.session.id': 'conv-42', 'gen_ai.conversation.id': 'conv-42' };
    expect(Object.fromEntries(capture.spans.map(({ name, attributes }) => [name, attributes]))).toEqual({
      overwritten: { ...all, 'turnkeeper.session.overwritten': 'theirs' },
      plain: all,
    });
  });

  test('writes further names alone on a span that was active already', () => {
    const { tracer, capture } = open({ alsoAs: ['langfuse.session.id'] });
    tracer.startActiveSpan('POST', (span) => {
      withSession('conv-42', () => {});
      span.end();
    });
    expect(capture.spans.map(({ attributes }) => attributes)).toEqual([
      { 'session.id': 'conv-42', 'langfuse.session.id': 'conv-42' },
    ]);
  });

  test('stamps a session’s id that is known while that of the session around it is still to come', () => {
    const { tracer, capture, tracerProvider } = open();
    const { tap, say } = script({ tracerProvider, stampOnly: true });
    const seen: unknown[] = [];
    tap.run('r', [], () => {
      say({ type: 'run.start', run: 'r' });
      withSession('sub-1', () => {
        const span = tracer.startSpan('SELECT');
        if ('attributes' in span) seen.push({ ...Object(span.attributes) });
        span.setAttribute('mine', 1);
        span.end();
      });
      say({ type: 'session.bind', run: 'r', id: 'late-1' }, { type: 'run.end', run: 'r', outcome: ok });
    });
    expect(seen).toEqual([{ 'session.id': 'sub-1' }]);
    expect(capture.spans.map(({ attributes }) => attributes)).toEqual([
      { mine: 1, 'session.id': 'sub-1', ...(!isBeside && { 'turnkeeper.session.parent_id': 'late-1' }) },
    ]);
  });

  test('lets what an engine’s own spans carry alone where no id comes', () => {
    const { tracer, capture, tracerProvider } = open();
    const { tap, say } = script({ tracerProvider, stampOnly: true });
    tap.run('r', [], () => {
      say({ type: 'run.start', run: 'r' });
      tracer.startSpan('theirs', { attributes: { 'session.id': 'theirs' } }).end();
      say({ type: 'run.end', run: 'r', outcome: ok });
    });
    expect(capture.spans.map(({ attributes }) => attributes)).toEqual([{ 'session.id': 'theirs' }]);
  });
});

test.each(['1.x', '2.x', '3.x'] as const)(
  'on SDK %s, an ended span that waited has all it lacks, and is itself otherwise',
  (name) => {
    const { tracer, capture, tracerProvider } = lines[name]({ alsoAs: ['langfuse.session.id'] });
    const { tap, say } = script({ tracerProvider });
    tap.run('r', [], () => {
      say({ type: 'run.start', run: 'r' });
      const span = tracer.startSpan('SELECT', { attributes: { mine: 1, 'gen_ai.operation.name': 'chat' } });
      span.addEvent('row');
      span.end();
      say({ type: 'session.bind', run: 'r', id: 'late-1' }, { type: 'run.end', run: 'r', outcome: ok });
    });
    const span = capture.spans.find((candidate) => candidate.name === 'SELECT');
    expect(span?.attributes).toEqual({
      mine: 1,
      'gen_ai.operation.name': 'chat',
      'gen_ai.conversation.id': 'late-1',
      'session.id': 'late-1',
      'langfuse.session.id': 'late-1',
    });
    expect(span?.events.map((event) => event.name)).toEqual(['row']);
  },
);

describe.each([
  ['1.x', first.BasicTracerProvider],
  ['2.x', second.BasicTracerProvider],
  ['3.x', third.TracerProvider],
])('where the program limits the texts of attributes, on SDK %s', (_name, Provider) => {
  test('an id that is cut is ours, and one that is like its beginning is not', () => {
    const capture = createCapture();
    const tracerProvider = new Provider({
      spanLimits: { attributeValueLengthLimit: 9 },
      spanProcessors: [new SessionSpanProcessor(capture.spanProcessor)],
    });
    const tracer = tracerProvider.getTracer('test');
    withSession('conversation-42', () => {
      const { tap, say } = script({ tracerProvider });
      tap.run('r', [], () =>
        say({ type: 'run.start', run: 'r' }, { type: 'run.end', run: 'r', outcome: { kind: 'ok' } }),
      );
      tracer.startSpan('SELECT').end();
      const span = tracer.startSpan('POST');
      span.setAttribute('session.id', 'conv');
      span.end();
    });
    const said = capture.spans.map(({ name, attributes }) => [
      name,
      ['session.id', 'gen_ai.conversation.id', 'turnkeeper.session.overwritten'].map((one) => attributes[one]),
    ]);
    expect(Object.fromEntries(said)).toEqual({
      'invoke_agent scripted': ['conversat', 'conversat', undefined],
      SELECT: ['conversat', undefined, undefined],
      POST: ['conversat', undefined, 'conv'],
    });
  });
});

test('an ended span that waited keeps the conversation that it had', () => {
  const { tracer, capture, tracerProvider } = lines['2.x']();
  const { tap, say } = script({ tracerProvider });
  tap.run('r', [], () => {
    say({ type: 'run.start', run: 'r' });
    for (const conversation of ['theirs', 'late-1']) {
      const attributes = { 'gen_ai.operation.name': 'chat', 'gen_ai.conversation.id': conversation };
      tracer.startSpan('chat', { attributes }).end();
    }
    say({ type: 'session.bind', run: 'r', id: 'late-1' }, { type: 'run.end', run: 'r', outcome: ok });
  });
  expect(
    capture.spans
      .filter(({ name }) => name === 'chat')
      .map(({ attributes }) => [attributes['gen_ai.conversation.id'], attributes['turnkeeper.session.overwritten']]),
  ).toEqual([
    ['late-1', 'theirs'],
    ['late-1', undefined],
  ]);
});

describe.each(['forceFlush', 'shutdown'] as const)('%s', (method) => {
  const of = (close: () => Promise<void>, idle = async (): Promise<void> => {}) => {
    const next = { onStart: idle, onEnd: idle, onEmit: idle, forceFlush: idle, shutdown: idle, [method]: close };
    return [new SessionSpanProcessor(next), new SessionLogProcessor(next)];
  };

  test('is over once that of the processor behind is', async () => {
    const { promise, resolve } = Promise.withResolvers<void>();
    const over: string[] = [];
    const closing = of(() => promise).map((processor) => processor[method]().then(() => over.push('ours')));
    await new Promise(setImmediate);
    over.push('theirs');
    resolve();
    await Promise.all(closing);
    expect(over).toEqual(['theirs', 'ours', 'ours']);
  });

  test('fails as that of the processor behind does, and is over at once without one', async () => {
    for (const processor of of(() => Promise.reject(new Error('theirs')))) {
      await expect(processor[method]()).rejects.toThrow('theirs');
    }
    await new SessionSpanProcessor()[method]();
    await new SessionLogProcessor()[method]();
  });
});

test('a span that is frozen is stamped where it takes attributes, and passed on in any case', () => {
  const passed: object[] = [];
  const pass = (span: object): void => void passed.push(span);
  const idle = async (): Promise<void> => {};
  const processor = new SessionSpanProcessor({ onStart: pass, onEnd: pass, forceFlush: idle, shutdown: idle });
  const attributes: Attributes = {};
  const taking = { attributes, setAttributes: (given: Attributes) => Object.assign(attributes, given) };
  const frozen = [taking, {}].map((span) =>
    Object.freeze(Object.assign(trace.wrapSpanContext(INVALID_SPAN_CONTEXT), span)),
  );
  withSession('conv-42', () => {
    for (const span of frozen) processor.onStart(span, context.active());
  });
  for (const span of frozen) processor.onEnd(span);
  expect(attributes).toEqual({ 'session.id': 'conv-42' });
  expect(passed).toEqual([...frozen, ...frozen]);
});

describe('stamp-only', () => {
  test('puts the session on the engine’s own spans, writes none, and tells of the run all the same', () => {
    const { tracer, capture, tracerProvider } = lines['2.x']();
    const { tap, say, observation } = script({ tracerProvider, stampOnly: true });
    for (const _turn of [1, 2]) {
      withSession('conv-42', () =>
        tap.run('r', [], () => {
          say(
            { type: 'run.start', run: 'r', session: 'own-1' },
            { type: 'model.start', run: 'r', call: 'm', model: 'test-model' },
          );
          tap.inside({ run: 'r', call: 'm' }, () =>
            tracer.startSpan('chat', { attributes: { 'gen_ai.operation.name': 'chat' } }).end(),
          );
          say({ type: 'model.end', run: 'r', call: 'm', outcome: ok }, { type: 'run.end', run: 'r', outcome: ok });
        }),
      );
    }
    expect(capture.spans.map(({ name, attributes }) => [name, attributes])).toEqual(
      Array.from({ length: 2 }, () => [
        'chat',
        { 'gen_ai.operation.name': 'chat', 'gen_ai.conversation.id': 'conv-42', 'session.id': 'conv-42' },
      ]),
    );
    expect(observation.runs()).toMatchObject([
      { session: { id: 'conv-42', source: 'context' }, engine: { name: 'scripted', sessionId: 'own-1' }, turn: 1 },
      { session: { id: 'conv-42', source: 'context' }, engine: { name: 'scripted', sessionId: 'own-1' }, turn: 2 },
    ]);
  });

  test('stamps what ends before a late id comes', () => {
    const { tracer, capture, tracerProvider } = lines['2.x']();
    const { tap, say } = script({ tracerProvider, stampOnly: true });
    tap.run('r', [], () => {
      say({ type: 'run.start', run: 'r' });
      tracer.startSpan('theirs').end();
      expect(capture.spans).toEqual([]);
      say({ type: 'session.bind', run: 'r', id: 'late-1' }, { type: 'run.end', run: 'r', outcome: ok });
    });
    expect(capture.tree()).toBe('theirs [session late-1]');
  });
});

test('an id that was made up is no conversation’s, also where its name is asked for as a further one', () => {
  const alsoAs = ['gen_ai.conversation.id', 'langfuse.session.id'];
  const { tracer, capture, tracerProvider } = lines['2.x']({ alsoAs });
  const { tap, say } = script({ tracerProvider, fallback: 'generate', alsoAs });
  tap.run('r', [], () => {
    say({ type: 'run.start', run: 'r' });
    tracer.startSpan('SELECT').end();
    say({ type: 'run.end', run: 'r', outcome: ok });
  });
  withSession('conv-42', () => tracer.startSpan('GET').end());
  const said = capture.spans.map(({ name, attributes }) => [
    name,
    [attributes['gen_ai.conversation.id'], attributes['langfuse.session.id'] === attributes['session.id']],
  ]);
  expect(Object.fromEntries(said)).toEqual({
    'invoke_agent scripted': [undefined, true],
    SELECT: [undefined, true],
    GET: ['conv-42', true],
  });
});

test('two processors, for two exporters, write each span once each and the other value once', () => {
  const captures = [createCapture(), createCapture()];
  const spanProcessors = captures.map((capture) => new SessionSpanProcessor(capture.spanProcessor));
  const tracer = new second.BasicTracerProvider({ spanProcessors }).getTracer('test');
  withSession('conv-42', () => {
    expect(currentSession()?.id).toBe('conv-42');
    const span = tracer.startSpan('POST');
    span.setAttribute('session.id', 'theirs');
    span.end();
  });
  for (const { spans } of captures) {
    expect(spans.map(({ attributes }) => attributes)).toEqual([
      { 'session.id': 'conv-42', 'turnkeeper.session.overwritten': 'theirs' },
    ]);
  }
});

describe('what a SessionSpanProcessor goes around', () => {
  test.each([
    ['an exporter', new second.InMemorySpanExporter()],
    ['options', { exporter: new second.InMemorySpanExporter() }],
    ['a list', [new second.SimpleSpanProcessor(new second.InMemorySpanExporter())]],
  ])('is not %s, and that is said when it is made: not by the first span', (_name, given) => {
    expect(() => Reflect.construct(SessionSpanProcessor, [given])).toThrow(
      'goes around the processor that exports. What is given has no onStart',
    );
  });

  test('may be nothing', () => {
    for (const given of [undefined, null]) expect(() => Reflect.construct(SessionSpanProcessor, [given])).not.toThrow();
  });
});
