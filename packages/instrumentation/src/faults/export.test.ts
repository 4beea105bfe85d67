/** What a user has set up around us fails: exporters, processors, samplers, loggers, meters, hooks. */
import { context, diag, DiagLogLevel, metrics, type Meter, type Span } from '@opentelemetry/api';
import { ExportResultCode } from '@opentelemetry/core';
import {
  BatchSpanProcessor,
  SimpleSpanProcessor,
  type SpanExporter,
  type SpanProcessor,
} from '@opentelemetry/sdk-trace-base';
import '@turnkeeper/check/vitest';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { observe } from '../observe.ts';
import { SessionSpanProcessor } from '../sdk/session-span-processor.ts';
import { currentSession, withSession } from '../session/active-session.ts';
import { attachScripted, type Attached } from '../testing/attached.ts';
import { script, scriptedAdapter } from '../testing/scripted.ts';
import { traceService } from '../trace-service.ts';
import { startTracing, type Tracing } from '../testing/tracing.ts';
import { listenToMethod, wrapMethod } from '../wrap-method.ts';

let tracing: Tracing | undefined;
afterEach(() => {
  vi.useRealTimers();
  tracing?.[Symbol.dispose]();
});

const ok = { kind: 'ok' } as const;
const fail = (): never => {
  throw new Error('the user’s own');
};

/** One turn with a model call and a tool, whose engine names the session at `bind`: before, within or after it. */
async function turn({ tap, say }: Attached, run = 'r', bind: 'early' | 'late' | 'never' = 'early'): Promise<string> {
  const named = bind === 'early' ? { session: 'own-1' } : {};
  return tap.run(run, [], async () => {
    say({ type: 'run.start', run, ...named }, { type: 'model.start', run, call: 'm', model: 'gpt' });
    say({ type: 'model.end', run, call: 'm', outcome: ok }, { type: 'tool.start', run, call: 't', tool: 'look' });
    say({ type: 'tool.end', run, call: 't', outcome: ok });
    if (bind === 'late') say({ type: 'session.bind', run, id: 'own-1' });
    say({ type: 'run.end', run, outcome: ok });
    return 'the answer';
  });
}

const WHOLE = `invoke_agent scripted [session own-1] run.start
  chat gpt
  execute_tool look`;

describe('an exporter that', () => {
  const exporter = (exportSpans: SpanExporter['export']): SpanExporter => ({
    export: exportSpans,
    shutdown: async () => {},
  });
  test.each<[string, SpanExporter['export']]>([
    ['is down', (_spans, done) => done({ code: ExportResultCode.FAILED, error: new Error('connection refused') })],
    ['never answers', () => {}],
    ['throws', fail],
  ])('%s does not reach the engine, in a batch or not, and the other exporter gets everything', async (_name, how) => {
    const batch = new BatchSpanProcessor(exporter(how), {
      scheduledDelayMillis: 1,
      maxQueueSize: 2,
      maxExportBatchSize: 1,
    });
    tracing = startTracing({
      processors: [new SessionSpanProcessor(new SimpleSpanProcessor(exporter(how))), new SessionSpanProcessor(batch)],
    });
    const attached = attachScripted();
    for (const bind of ['early', 'late'] as const) {
      expect(await turn(attached, `r-${bind}`, bind)).toBe('the answer');
    }
    expect(attached.size()).toBe(0);
    expect(tracing.capture.spans).toHaveLength(6);
    expect(tracing.capture).toStampEverySpan();
  });
});

describe('a processor that throws', () => {
  const processor = (parts: Partial<SpanProcessor>): SpanProcessor => ({
    onStart: () => {},
    onEnd: () => {},
    forceFlush: async () => {},
    shutdown: async () => {},
    ...parts,
  });

  test.each(['early', 'late', 'never'] as const)(
    'at a span’s end, its session known %s, costs nobody a span',
    async (bind) => {
      vi.useFakeTimers();
      tracing = startTracing({
        processors: [new SessionSpanProcessor(processor({ onEnd: fail }))],
      });
      const attached = attachScripted();
      expect(await turn(attached, 'r', bind)).toBe('the answer');
      vi.advanceTimersByTime(10_000);
      expect(attached.size()).toBe(0);
      // The SDK asks its processors one after another: what comes after one that throws is not asked.
      expect(tracing.diagnostics.join('\n')).toContain('the user’s own');
    },
  );

  test('at the end of a span that waits for its session does not cost the others that wait', () => {
    vi.useFakeTimers();
    tracing = startTracing({ withSessionProcessor: false });
    const onEnd = vi.fn<() => never>(fail);
    const around = new SessionSpanProcessor<Span>(processor({ onEnd }));
    const { tap, say } = attachScripted();
    tap.run('r', [], () => {
      say({ type: 'run.start', run: 'r' });
      for (const name of ['SELECT', 'INSERT']) {
        const span = tracing!.tracer.startSpan(name);
        around.onStart(span, context.active());
        around.onEnd(span);
      }
    });
    expect(onEnd).not.toHaveBeenCalled();
    vi.advanceTimersByTime(10_000);
    expect(onEnd).toHaveBeenCalledTimes(2);
    expect(tracing.diagnostics.join('\n')).toContain('the user’s own');
  });

  test('at the end of calls that a run left open does not leave the run open', () => {
    const ended: string[] = [];
    const onEnd = ({ name }: { readonly name: string }): void => {
      ended.push(name);
      if (name.startsWith('execute_tool')) fail();
    };
    tracing = startTracing({ processors: [processor({ onEnd })] });
    const { say, size } = attachScripted();
    say({ type: 'run.start', run: 'r', session: 'own-1' });
    for (const call of ['a', 'b', 'c']) say({ type: 'tool.start', run: 'r', call, tool: call });
    say({ type: 'run.end', run: 'r', outcome: { kind: 'ok' } });
    expect(size()).toBe(0);
    expect(ended).toEqual(['execute_tool c', 'execute_tool b', 'execute_tool a', 'invoke_agent scripted']);
  });

  test('at a span’s start costs that span only: the run is over when it is over', async () => {
    tracing = startTracing({ processors: [processor({ onStart: fail })] });
    const attached = attachScripted();
    expect(await turn(attached)).toBe('the answer');
    expect(attached.size()).toBe(0);
    expect(tracing.capture.spans).toEqual([]);
  });
});

test('a sampler that throws costs the spans, and nothing else', async () => {
  tracing = startTracing({ sampler: { shouldSample: fail, toString: () => 'broken' } });
  const attached = attachScripted();
  expect(await turn(attached)).toBe('the answer');
  expect(attached.size()).toBe(0);
});

describe('what listens beside the spans', () => {
  test('throws, each and every of it, and the spans and the others are as they were', async () => {
    tracing = startTracing();
    const seen: unknown[] = [];
    const broken = { createHistogram: fail, createCounter: fail } as unknown as Meter;
    const attached = attachScripted({
      meterProvider: { getMeter: () => broken },
      loggerProvider: { getLogger: () => ({ emit: fail }) },
      onRunStart: (run) => {
        seen.push(run.session.id);
        fail();
      },
      content: fail,
    });
    expect(await turn(attached)).toBe('the answer');
    expect(tracing.capture.tree()).toBe(WHOLE);
    expect(seen).toEqual(['own-1']);
    expect(attached.size()).toBe(0);
    expect(tracing.diagnostics).toContainEqual(expect.stringContaining('a meter, a logger or a hook failed'));
  });

  test('throws for an id that is no good, and the next best id is taken', async () => {
    tracing = startTracing();
    const broken = { createHistogram: fail, createCounter: fail } as unknown as Meter;
    const attached = attachScripted({ meterProvider: { getMeter: () => broken } });
    await attached.tap.run('r', [], async () => {
      attached.say({ type: 'run.start', run: 'r', session: 'a\nb' });
      attached.say({ type: 'session.bind', run: 'r', id: 'own-1' }, { type: 'run.end', run: 'r', outcome: ok });
    });
    expect(tracing.capture.tree()).toBe('invoke_agent scripted [session own-1] run.start');
  });

  test('cannot be had, and the runs are written all the same, a service’s as well', async () => {
    tracing = startTracing();
    const broken = { meterProvider: { getMeter: fail }, loggerProvider: { getLogger: fail } };
    const attached = attachScripted(broken);
    expect(await turn(attached)).toBe('the answer');
    expect(traceService(() => 'the answer', { ...broken, name: 'service' })()).toBe('the answer');
    expect(tracing.capture.tree()).toBe(`${WHOLE}\ninvoke_agent service [no session] run.start`);
  });

  test('is not there at all', async () => {
    metrics.disable();
    const attached = attachScripted();
    expect(await turn(attached)).toBe('the answer');
    expect(attached.size()).toBe(0);
  });
});

test('withSession around a processor that throws gives the work’s result', async () => {
  tracing = startTracing();
  const attached = attachScripted({ onRunStart: fail });
  expect(await withSession('conv-42', () => turn(attached))).toBe('the answer');
  expect(tracing.capture).toHaveSession('conv-42', { turns: 1 });
});

describe('a diagnostic log that throws', () => {
  test.each([true, false])('stops no work of the host’s (with a context manager: %s)', async (withContextManager) => {
    tracing = startTracing({ withContextManager });
    const broken = { error: fail, warn: fail, info: fail, debug: fail, verbose: fail };
    diag.setLogger(broken, { logLevel: DiagLogLevel.WARN, suppressOverrideMessage: true });
    const unreadable = {
      get sessionId(): never {
        return fail();
      },
    };
    for (const bad of ['a\nb', unreadable]) expect(withSession(bad, () => 'the answer')).toBe('the answer');
    expect(withSession('conv-42', () => currentSession()?.id)).toBe('conv-42');
    expect(observe(scriptedAdapter(), Object.freeze({})).runs()).toEqual([]);
    const attached = attachScripted({ onRunStart: fail, loggerProvider: { getLogger: () => ({ emit: fail }) } });
    expect(await turn(attached, 'r', 'late')).toBe('the answer');
    expect(tracing.capture.tree()).toBe(WHOLE);
  });

  test('keeps every failure of ours from the host: an adapter’s, a hook’s, a listener’s', () => {
    tracing = startTracing();
    const broken = { error: fail, warn: fail, info: fail, debug: fail, verbose: fail };
    diag.setLogger(broken, { logLevel: DiagLogLevel.WARN, suppressOverrideMessage: true });
    const { tap, say } = script({}, scriptedAdapter('failing', { translate: fail }));
    expect(tap.run('r', [], () => (say({ type: 'run.start', run: 'r' }), 'the answer'))).toBe('the answer');
    const engine = { ask: () => 'the answer', tell: () => 'the answer' };
    wrapMethod(engine, 'ask', fail);
    listenToMethod(engine, 'tell', fail);
    expect([engine.ask(), engine.tell()]).toEqual(['the answer', 'the answer']);
  });
});
