import { metrics } from '@opentelemetry/api';
import {
  AggregationTemporality,
  DataPointType,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
  type MetricData,
} from '@opentelemetry/sdk-metrics';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { observe, type ObserveOptions } from '../observe.ts';
import { withSession } from '../session/active-session.ts';
import { script, scriptedAdapter, type Scripted } from '../testing/scripted.ts';
import { startTracing, type Tracing } from '../testing/tracing.ts';
import { traceService } from '../trace-service.ts';

const ok = { kind: 'ok' } as const;
const SECONDS = [0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92];
const TOKENS = [1, 4, 16, 64, 256, 1_024, 4_096, 16_384, 65_536, 262_144, 1_048_576, 4_194_304, 16_777_216, 67_108_864];

let tracing: Tracing;
let meterProvider: MeterProvider;
let exporter: InMemoryMetricExporter;
beforeEach(() => {
  tracing = startTracing();
  exporter = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE);
  meterProvider = new MeterProvider({
    readers: [new PeriodicExportingMetricReader({ exporter, exportIntervalMillis: 3_600_000 })],
  });
});
afterEach(async () => {
  await meterProvider.shutdown();
  metrics.disable();
  tracing[Symbol.dispose]();
});

/** What was measured by now, by name. */
async function collect(): Promise<ReadonlyMap<string, MetricData>> {
  await meterProvider.forceFlush();
  const scopes = exporter.getMetrics().at(-1)?.scopeMetrics ?? [];
  return new Map(scopes.flatMap((scope) => scope.metrics).map((metric) => [metric.descriptor.name, metric]));
}

/** Every attribute set of a metric, with its sum. */
const points = (metric: MetricData | undefined): unknown[] =>
  metric?.dataPointType === DataPointType.HISTOGRAM
    ? metric.dataPoints.map(({ attributes, value }) => [attributes, value.sum])
    : (metric?.dataPoints.map(({ attributes, value }) => [attributes, value]) ?? []);

/** Two turns of one session, with everything in them that is measured. */
function converse(options: ObserveOptions = {}): void {
  const { tap, say } = script({ meterProvider, ...options });
  const at = Date.now();
  for (const [index, outcome] of [ok, { kind: 'error', type: 'overloaded' } as const].entries()) {
    const run = `r${index}`;
    withSession({ sessionId: 'conv-42', userId: 'u-7', attributes: { 'tenant.id': 'tenant-9' } }, () =>
      tap.run(run, [], () =>
        say(
          { type: 'run.start', run, agent: 'helper', provider: 'openai', session: 'own-1', at },
          { type: 'model.start', run, call: 'm', model: 'gpt', provider: 'openai', at: at + 1_000 },
          {
            type: 'model.end',
            run,
            call: 'm',
            outcome,
            model: 'gpt-1',
            usage: { input: 100, output: 20 },
            at: at + 2_500,
          },
          { type: 'tool.start', run, call: 't', tool: 'look', at: at + 3_000 },
          { type: 'tool.end', run, call: 't', outcome, at: at + 3_250 },
          { type: 'run.end', run, outcome, at: at + 4_000 },
        ),
      ),
    );
  }
}

describe('the measurements of runs', () => {
  test('are the histograms of the conventions, with their units and buckets', async () => {
    converse();
    const measured = await collect();
    for (const name of [
      'gen_ai.client.operation.duration',
      'gen_ai.invoke_agent.duration',
      'gen_ai.execute_tool.duration',
    ]) {
      const metric = measured.get(name);
      expect(metric?.descriptor).toMatchObject({ unit: 's', advice: { explicitBucketBoundaries: SECONDS } });
      expect(metric?.dataPoints[0]?.value).toMatchObject({ buckets: { boundaries: SECONDS } });
    }
    expect(measured.get('gen_ai.client.token.usage')?.descriptor).toMatchObject({ unit: '{token}' });
    expect(measured.get('gen_ai.client.token.usage')?.dataPoints[0]?.value).toMatchObject({
      buckets: { boundaries: TOKENS },
    });
  });

  test('say what took how long and how many tokens, by operation and outcome', async () => {
    converse();
    const measured = await collect();
    const chat = {
      'gen_ai.operation.name': 'chat',
      'gen_ai.provider.name': 'openai',
      'gen_ai.request.model': 'gpt',
      'gen_ai.response.model': 'gpt-1',
    };
    expect(points(measured.get('gen_ai.client.operation.duration'))).toEqual([
      [chat, 1.5],
      [{ ...chat, 'error.type': 'overloaded' }, 1.5],
    ]);
    expect(points(measured.get('gen_ai.client.token.usage'))).toEqual([
      [{ ...chat, 'gen_ai.token.type': 'input' }, 200],
      [{ ...chat, 'gen_ai.token.type': 'output' }, 40],
    ]);
    const tool = { 'gen_ai.operation.name': 'execute_tool', 'gen_ai.tool.name': 'look' };
    expect(points(measured.get('gen_ai.execute_tool.duration'))).toEqual([
      [tool, 0.25],
      [{ ...tool, 'error.type': 'overloaded' }, 0.25],
    ]);
    const agent = {
      'gen_ai.operation.name': 'invoke_agent',
      'gen_ai.agent.name': 'helper',
      'gen_ai.provider.name': 'openai',
    };
    expect(points(measured.get('gen_ai.invoke_agent.duration'))).toEqual([
      [agent, expect.closeTo(4, 1)],
      [{ ...agent, 'error.type': 'overloaded' }, expect.closeTo(4, 1)],
    ]);
  });

  test('of durations are those of the spans', async () => {
    converse();
    const measured = await collect();
    const spans = (name: string): number =>
      tracing.capture.spans
        .filter((span) => span.name === name)
        .reduce((sum, { start, end }) => sum + Number(end - start) / 1e9, 0);
    const sum = (name: string): number =>
      points(measured.get(name)).reduce<number>((total, point) => total + (point as [unknown, number])[1], 0);
    expect(sum('gen_ai.client.operation.duration')).toBeCloseTo(spans('chat gpt'), 6);
    expect(sum('gen_ai.execute_tool.duration')).toBeCloseTo(spans('execute_tool look'), 6);
    expect(sum('gen_ai.invoke_agent.duration')).toBeCloseTo(spans('invoke_agent helper'), 6);
  });

  test('have no tokens where the engine reports none, and leave upkeep out', async () => {
    const { say } = script({ meterProvider });
    say(
      { type: 'run.start', run: 'r', task: 'compact', session: 'own-1' },
      { type: 'model.start', run: 'r', call: 'm' },
      { type: 'model.end', run: 'r', call: 'm', outcome: { kind: 'cancelled' } },
      { type: 'run.end', run: 'r', outcome: ok },
    );
    const measured = await collect();
    expect([...measured.keys()].toSorted()).toEqual([
      'gen_ai.client.operation.duration',
      'turnkeeper.session.resolved',
    ]);
    expect(points(measured.get('gen_ai.client.operation.duration'))).toEqual([
      [
        { 'gen_ai.operation.name': 'chat', 'gen_ai.provider.name': 'scripted', 'error.type': 'cancelled' },
        expect.any(Number),
      ],
    ]);
  });

  test('of a call that has no end of its own are there all the same', async () => {
    const at = Date.now() - 60_000;
    script({ meterProvider }).say(
      { type: 'run.start', run: 'r', at },
      { type: 'model.start', run: 'r', call: 'm', model: 'gpt', at: at + 1_000 },
      { type: 'run.progress', run: 'r', at: at + 3_000 },
      { type: 'run.end', run: 'r', outcome: ok, at: at + 3_000 },
    );
    const chat = {
      'gen_ai.operation.name': 'chat',
      'gen_ai.provider.name': 'scripted',
      'gen_ai.request.model': 'gpt',
      'error.type': 'unfinished',
    };
    const measured = await collect();
    expect(points(measured.get('gen_ai.client.operation.duration'))).toEqual([[chat, 2]]);
    expect(measured.get('gen_ai.client.token.usage')).toBeUndefined();
    expect(tracing.diagnostics).toEqual([]);
  });

  test('of a workflow are those of its agents, which are not counted twice', async () => {
    const at = Date.now();
    const run = 'r';
    script({ meterProvider }).say(
      { type: 'run.start', run, workflow: 'research', provider: 'openai', at },
      { type: 'agent.start', run, call: 'a', agent: 'planner', provider: 'openai', at: at + 1_000 },
      { type: 'step.start', run, call: 's', step: 'guardrail', name: 'plan', within: 'a', at: at + 1_000 },
      { type: 'step.end', run, call: 's', outcome: ok, at: at + 2_000 },
      { type: 'agent.end', run, call: 'a', outcome: { kind: 'error', type: 'overloaded' }, at: at + 3_000 },
      { type: 'run.end', run, outcome: ok, at: at + 4_000 },
    );
    const measured = await collect();
    const agent = {
      'gen_ai.operation.name': 'invoke_agent',
      'gen_ai.agent.name': 'planner',
      'gen_ai.provider.name': 'openai',
      'error.type': 'overloaded',
    };
    expect(points(measured.get('gen_ai.invoke_agent.duration'))).toEqual([[agent, 2]]);
    expect([...measured.keys()].toSorted()).toEqual(['gen_ai.invoke_agent.duration', 'turnkeeper.session.resolved']);
  });

  test('never hold the session, the user or an attribute of theirs, in whatever way they are given', async () => {
    converse({ alsoAs: ['langfuse.session.id'], content: 'all', fallback: 'generate' });
    traceService(() => {}, { name: 'service', meterProvider, session: { sessionId: 'conv-42', userId: 'u-7' } })();
    const measured = await collect();
    expect(measured.size).toBe(5);
    expect(JSON.stringify([...measured])).not.toMatch(/conv-42|own-1|u-7|tenant-9/);
  });

  test('count runs by who gave the session, and ids that were no good', async () => {
    converse();
    script({ meterProvider, session: 'x'.repeat(129) }).say({ type: 'run.start', run: 'a', session: 'own-2' });
    script({ meterProvider, fallback: 'generate' }).say(
      { type: 'run.start', run: 'b', session: ' bad' },
      { type: 'run.end', run: 'b', outcome: ok },
    );
    script({ meterProvider }).say({ type: 'run.start', run: 'c' }, { type: 'run.end', run: 'c', outcome: ok });
    const measured = await collect();
    const engine = { 'turnkeeper.engine.name': 'scripted' };
    expect(measured.get('turnkeeper.session.resolved')?.descriptor.unit).toBe('{run}');
    expect(points(measured.get('turnkeeper.session.resolved'))).toEqual([
      [{ ...engine, 'turnkeeper.session.source': 'context' }, 2],
      [{ ...engine, 'turnkeeper.session.source': 'engine' }, 1],
      [{ ...engine, 'turnkeeper.session.source': 'generated' }, 1],
      [{ ...engine, 'turnkeeper.session.source': 'none' }, 1],
    ]);
    expect(points(measured.get('turnkeeper.session.rejected'))).toEqual([
      [{ ...engine, 'turnkeeper.session.source': 'explicit' }, 1],
      [{ ...engine, 'turnkeeper.session.source': 'engine' }, 1],
    ]);
  });

  test('of an engine that writes its own telemetry are the sessions only', async () => {
    converse({ stampOnly: true });
    expect([...(await collect()).keys()]).toEqual(['turnkeeper.session.resolved']);
  });

  test('go to the provider that is registered at the time, where none is given', async () => {
    const target: Scripted = {};
    observe(scriptedAdapter(), target);
    const turn = (run: string): void =>
      target.tap?.deliver({
        events: [
          { type: 'run.start', run, session: 'own-1' },
          { type: 'run.end', run, outcome: ok },
        ],
      });
    turn('before');
    metrics.setGlobalMeterProvider(meterProvider);
    turn('after');
    expect(points((await collect()).get('turnkeeper.session.resolved'))).toEqual([[expect.anything(), 1]]);
  });
});
