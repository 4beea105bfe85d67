import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { RunEvent, Tap } from '@turnkeeper/instrumentation/adapter';
import { BasicTracerProvider } from '@opentelemetry/sdk-trace-base';
import { context, ROOT_CONTEXT, type Context } from '@opentelemetry/api';
import { observe, withSession } from '@turnkeeper/instrumentation';
import { lineOf, type Line, type Part } from './line.ts';
import { median } from './measure.ts';
import { batching, sessionContext, tracedProvider, useContextManager } from './tracing.ts';

const RUNS = 100_000;
const SESSIONS = 10_000;
const ATTRIBUTES = { 'http.request.method': 'POST', 'server.address': 'api.example.com', 'server.port': 443 };

setFlagsFromString('--expose-gc');
const collect: () => void = runInNewContext('gc');

async function heap(): Promise<number> {
  // Twice: what a finalizer lets go of is collected by the second.
  for (let time = 0; time < 2; time += 1) {
    collect();
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return process.memoryUsage().heapUsed;
}

export const memory: Part = async ({ quick }) => {
  useContextManager();
  return [await afterRuns(quick ? RUNS / 10 : RUNS), await perSpan()];
};

/** The heap after all sessions have been seen ten times, through the heap after they were seen once. */
async function afterRuns(runs: number): Promise<Line> {
  const provider = tracedProvider();
  let tap: Tap<readonly RunEvent[]> | undefined;
  const observation = observe(
    {
      name: 'bench',
      start: () => ({}),
      translate: (events: readonly RunEvent[]) => events,
      attach: (_target: object, given: Tap<readonly RunEvent[]>) => {
        tap = given;
        return () => {};
      },
    },
    {},
    { tracerProvider: provider },
  );
  let early = NaN;
  for (let index = 0; index < runs; index += 1) {
    withSession(`conv-${index % SESSIONS}`, () => {
      const run = tap?.mint() ?? '';
      tap?.run(run, [], () => {
        tap?.deliver([
          { type: 'run.start', run, agent: 'guide' },
          { type: 'model.start', run, call: 'm', model: 'test-model' },
          { type: 'model.end', run, call: 'm', outcome: { kind: 'ok' }, usage: { input: 1, output: 1 } },
          { type: 'run.end', run, outcome: { kind: 'ok' } },
        ]);
      });
    });
    if (index % 500 === 0) await provider.forceFlush();
    if (index + 1 === Math.max(SESSIONS, runs / 5)) early = await heap();
  }
  await provider.forceFlush();
  const late = await heap();
  observation.stop();
  const name = `the heap after ${runs.toLocaleString('en')} runs of ${SESSIONS.toLocaleString('en')} sessions, against after ${Math.max(SESSIONS, runs / 5).toLocaleString('en')}`;
  return lineOf({ name, limit: 1.02, unit: 'MB' }, [
    { name: 'early', value: early / 1e6 },
    { name: 'ours', value: late / 1e6 },
  ]);
}

async function allocated(provider: BasicTracerProvider, within: Context): Promise<number> {
  const tracer = provider.getTracer('bench');
  const bytes: number[] = [];
  for (let round = 0; round < 40; round += 1) {
    collect();
    const before = process.memoryUsage().heapUsed;
    context.with(within, () => {
      for (let index = 0; index < 500; index += 1) tracer.startSpan('POST', { attributes: ATTRIBUTES }, within).end();
    });
    if (round >= 20) bytes.push((process.memoryUsage().heapUsed - before) / 500);
    await provider.forceFlush();
  }
  return median(bytes);
}

/** What is allocated from a span's start to its end. */
async function perSpan(): Promise<Line> {
  return lineOf({ name: 'what a stamped span allocates', limit: 1.2, unit: 'bytes a span' }, [
    { name: 'bare', value: await allocated(new BasicTracerProvider({ spanProcessors: [batching()] }), ROOT_CONTEXT) },
    { name: 'ours', value: await allocated(tracedProvider(), sessionContext()) },
  ]);
}
