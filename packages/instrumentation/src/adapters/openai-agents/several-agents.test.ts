import { Agent, MemorySession, Runner } from '@openai/agents';
import '@turnkeeper/check/vitest';
import { metrics } from '@opentelemetry/api';
import { MeterProvider, PeriodicExportingMetricReader } from '@opentelemetry/sdk-metrics';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { withSession } from '../../session/active-session.ts';
import { RecordingStore, startOpenAIWorld, weather, type OpenAIWorld } from '../../testing/openai-agents.ts';

let world: OpenAIWorld;
beforeEach(async () => {
  world = await startOpenAIWorld();
});
afterEach(() => world[Symbol.asyncDispose]());

describe('several agents', () => {
  test('that hand over are a workflow, each agent with its own span', async () => {
    const billing = new Agent({ name: 'Billing', tools: [weather] });
    const triage = new Agent({ name: 'Triage', handoffs: [billing] });
    const result = await withSession('conv-42', () => world.engine.runner.run(triage, '#handoff'));
    expect(result.lastAgent?.name).toBe('Billing');
    expect(world.tracing.capture).toPassChecks();
    expect(world.tracing.capture.tree()).toMatchInlineSnapshot(`
      "invoke_workflow Triage [session conv-42] run.start
        invoke_agent Triage
          chat test-model
        invoke_agent Billing
          chat test-model"
    `);
  });

  test('are a workflow of the name that the runner is given', async () => {
    const triage = new Agent({ name: 'Triage', handoffs: [new Agent({ name: 'Billing' })] });
    const runner = new Runner({ ...world.engine.runner.config, workflowName: 'Support' });
    await withSession('conv-42', () => runner.run(triage, 'hello'));
    expect(world.tracing.capture.tree()).toMatchInlineSnapshot(`
      "invoke_workflow Support [session conv-42] run.start
        invoke_agent Triage
          chat test-model"
    `);
  });

  test('are measured each, and their workflow as none of them', async () => {
    const reader = new PeriodicExportingMetricReader({ exporter: world.tracing.capture.metricExporter });
    const meters = new MeterProvider({ readers: [reader] });
    metrics.setGlobalMeterProvider(meters);
    try {
      const triage = new Agent({ name: 'Triage', handoffs: [new Agent({ name: 'Billing' })] });
      await world.engine.runner.run(triage, '#handoff', { session: new RecordingStore('store-1') });
      await reader.forceFlush();
    } finally {
      metrics.disable();
      await meters.shutdown();
    }
    const measured = world.tracing.capture.index.metrics.map(({ name, series }) => [
      name,
      series.map((one) => one['gen_ai.agent.name'] ?? one['gen_ai.operation.name']),
    ]);
    expect(Object.fromEntries(measured)).toMatchObject({
      'gen_ai.invoke_agent.duration': ['Triage', 'Billing'],
      'gen_ai.client.operation.duration': ['chat'],
    });
  });

  test('of which one is a tool of the other nest in the tool’s span', async () => {
    const helper = new Agent({ name: 'Helper' });
    const boss = new Agent({ name: 'Boss', tools: [helper.asTool({ toolName: 'helper' })] });
    await withSession('conv-42', () => world.engine.runner.run(boss, '#helper'));
    expect(world.tracing.capture).toHaveSession('conv-42', { turns: 1 });
    expect(world.tracing.capture).toPassChecks();
    expect(world.tracing.capture.tree()).toMatchInlineSnapshot(`
      "invoke_workflow Boss [session conv-42] run.start
        invoke_agent Boss
          chat test-model
          execute_tool helper
            invoke_agent Helper run.start
              chat test-model
          chat test-model"
    `);
  });

  test('of which one is a tool and streams nest in the tool’s span', async () => {
    const helper = new Agent({ name: 'Helper' });
    const events: string[] = [];
    const boss = new Agent({
      name: 'Boss',
      tools: [helper.asTool({ toolName: 'helper', onStream: ({ event }) => void events.push(event.type) })],
    });
    await withSession('conv-42', () => world.engine.runner.run(boss, '#helper'));
    expect(events.length).toBeGreaterThan(0);
    expect(world.tracing.capture).toPassChecks();
    expect(world.tracing.capture.tree()).toMatchInlineSnapshot(`
      "invoke_workflow Boss [session conv-42] run.start
        invoke_agent Boss
          chat test-model
          execute_tool helper
            invoke_agent Helper run.start
              chat test-model
          chat test-model"
    `);
  });

  test('that work at the same time keep every span on its own id', async () => {
    const agent = new Agent({ name: 'Guide', tools: [weather] });
    const names = ['a', 'b', 'c', 'd', 'e'];
    const answers = await Promise.all(
      names.map(async (name) => {
        const session = new MemorySession();
        let last: unknown;
        for (let turn = 0; turn < 3; turn++)
          last = (await withSession(`conv-${name}`, () => world.engine.runner.run(agent, '#weather', { session })))
            .finalOutput;
        return last;
      }),
    );
    expect(answers).toEqual(names.map((name) => `rain for conv-${name}`));
    for (const name of names) expect(world.tracing.capture).toHaveSession(`conv-${name}`, { turns: 3 });
    expect(world.tracing.capture).toPassChecks();
  });
});
