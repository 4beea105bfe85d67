import { createRequire } from 'node:module';
import { setTimeout } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import * as agentsModule from '@openai/agents';
import {
  addTraceProcessor,
  Agent,
  run,
  Runner,
  setDefaultModelProvider,
  setTraceProcessors,
  setTracingDisabled,
  tool,
  type Span as AgentsSpan,
  type Trace,
  type TracingProcessor,
} from '@openai/agents';
import { assistantMessage, functionCall, ScriptedModel } from '@openai/agents/testing';
import { context, trace } from '@opentelemetry/api';
import { suppressTracing } from '@opentelemetry/core';
import { AlwaysOffSampler } from '@opentelemetry/sdk-trace-base';
import '@turnkeeper/check/vitest';
import { openOpenAIAgents } from '@turnkeeper/model-server/openai-agents';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { TurnkeeperInstrumentation } from '../../instrumentation.ts';
import { observe } from '../../observe.ts';
import { currentSession, withSession } from '../../session/active-session.ts';
import { RecordingStore, startOpenAIWorld, weather, type OpenAIWorld } from '../../testing/openai-agents.ts';
import { openaiAgents, withRunContext } from './index.ts';
import { storeRunsIfAny } from './store-run.ts';

setFlagsFromString('--expose-gc');
const collect: () => void = runInNewContext('gc');
const { run: originalRun } = Runner.prototype;
const { getItems: originalGetItems } = RecordingStore.prototype;
const classOfStores = Object.getOwnPropertyDescriptors(RecordingStore.prototype);
const agentsInCommonJs: typeof agentsModule = createRequire(import.meta.url)('@openai/agents');
let world: OpenAIWorld;
beforeEach(async () => {
  world = await startOpenAIWorld();
});
afterEach(() => world[Symbol.asyncDispose]());

const agent = new Agent({ name: 'Guide', tools: [weather] });

describe('the engine', () => {
  test('stays as it was when the observation stops, its objects too', async () => {
    const model = new ScriptedModel([[assistantMessage('one')], [assistantMessage('two')]]);
    const session = new RecordingStore('store-1');
    const ownOfSession = Reflect.ownKeys(session);
    const one = new Agent({ name: 'Guide', model });
    await world.engine.runner.run(one, 'hello', { session });
    expect(Object.hasOwn(model, 'getResponse')).toBe(true);
    // A store is met in its class: programs make one for each request.
    expect(Reflect.ownKeys(session)).toEqual(ownOfSession);
    expect(RecordingStore.prototype.getItems).not.toBe(originalGetItems);
    expect(Object.hasOwn(RecordingStore.prototype, 'acceptsRunContext')).toBe(true);
    world.observation.stop();
    expect(Runner.prototype.run).toBe(originalRun);
    expect(Object.hasOwn(Runner.prototype, 'emit')).toBe(false);
    expect(Object.hasOwn(model, 'getResponse')).toBe(false);
    expect(Object.getOwnPropertyDescriptors(RecordingStore.prototype)).toEqual(classOfStores);
    await world.engine.runner.run(one, 'hello', { session });
    expect(world.tracing.capture.index.runs).toHaveLength(1);
  });

  test('goes on with a run in the middle of which the observation stops', async () => {
    const stopped = Promise.withResolvers<string>();
    world.server.script(() => stopped.promise);
    const running = world.engine.runner.run(agent, 'hello', { session: new RecordingStore('store-1') });
    await expect.poll(() => world.server.requests).toHaveLength(1);
    world.observation.stop();
    stopped.resolve('slow');
    expect((await running).finalOutput).toBe('slow');
    expect(world.tracing.capture.tree()).toMatchInlineSnapshot(`
      "invoke_agent Guide [session store-1] run.start (error abandoned)
        session getItems
          SQL getItems
        chat test-model (error abandoned)
        SQL addItems"
    `);
  });

  test('observed twice is observed once', async () => {
    const again = observe(openaiAgents, Runner);
    await world.engine.runner.run(agent, 'hello');
    expect(world.tracing.capture.index.runs).toHaveLength(1);
    expect(again.runs()).toHaveLength(1);
  });

  test('observed again after it was let go is observed', async () => {
    world.observation.stop();
    const again = observe(openaiAgents, Runner);
    const session = new RecordingStore('store-1');
    await world.engine.runner.run(agent, 'hello', { session });
    again.stop();
    expect(world.tracing.capture.index.runs).toHaveLength(1);
    expect(Runner.prototype.run).toBe(originalRun);
  });

  test('is met by run() and by subclasses of Runner, each run once', async () => {
    class Careful extends Runner {}
    const { config } = world.engine.runner;
    await withSession('conv-42', () => new Careful(config).run(agent, 'hello'));
    setDefaultModelProvider(world.engine.provider);
    await withSession('conv-42', () => run(agent, 'hello'));
    expect(world.tracing.capture).toHaveSession('conv-42', { turns: 2 });
  });

  test.each(['inherits run', 'hands on to run'])(
    'a class of its own that is observed beside Runner, and %s, has each run once, with all calls',
    async (what) => {
      class Own extends Runner {}
      if (what === 'hands on to run') Object.assign(Own.prototype, { run: handOn });
      using _own = { [Symbol.dispose]: observe(openaiAgents, Own).stop };
      const { config } = world.engine.runner;
      await withSession('conv-42', () => new Own(config).run(agent, '#weather'));
      await withSession('conv-42', () => world.engine.runner.run(agent, 'hello'));
      expect(world.tracing.capture.tree().split('\n')).toEqual([
        'invoke_agent Guide [session conv-42] run.start',
        '  chat test-model',
        '  execute_tool weather',
        '    SELECT weather',
        '  chat test-model',
        'invoke_agent Guide [session conv-42] run.start -> previous turn',
        '  chat test-model',
      ]);
    },
  );

  test('works without a context manager, each run on its own id', async () => {
    await world[Symbol.asyncDispose]();
    world = await startOpenAIWorld({ withContextManager: false });
    const answers = await Promise.all(
      ['a', 'b'].map((name) => withSession(`conv-${name}`, () => world.engine.runner.run(agent, '#weather'))),
    );
    expect(answers.map(({ finalOutput }) => finalOutput)).toEqual(['rain for conv-a', 'rain for conv-b']);
    expect(world.tracing.capture).toKeepSessionsApart();
    expect(world.tracing.capture).toHaveSession('conv-a', { turns: 1 });
    expect(world.tracing.capture).toHaveSession('conv-b', { turns: 1 });
  });

  test('leaves no span where tracing is suppressed, and what is called there is left alone', async () => {
    const session = new RecordingStore('store-1');
    await context.with(suppressTracing(context.active()), () => world.engine.runner.run(agent, 'hello', { session }));
    expect(world.tracing.capture.spans).toEqual([]);
    expect(Object.getOwnPropertyDescriptors(RecordingStore.prototype)).toEqual(classOfStores);
    expect(session.calls.every(([, args]) => args.length <= 1)).toBe(true);
  });

  test('leaves no span of a suppressed turn in the traced one whose tool runs it', async () => {
    const quiet = tool({
      name: 'weather',
      description: 'Asks another agent, in silence',
      parameters: z.object({ city: z.string() }),
      execute: () =>
        context.with(suppressTracing(context.active()), async () => {
          const session = new RecordingStore('store-1');
          return `${(await world.engine.runner.run(agent, '#weather', { session })).finalOutput}`;
        }),
    });
    await world.engine.runner.run(new Agent({ name: 'Guide', tools: [quiet] }), '#weather', {
      session: new RecordingStore('store-2'),
    });
    expect(world.tracing.capture).toPassChecks();
    expect(world.tracing.capture.tree()).toMatchInlineSnapshot(`
      "invoke_agent Guide [session store-2] run.start
        session getItems
          SQL getItems
        chat test-model
        execute_tool weather
        chat test-model
        session addItems
          SQL addItems"
    `);
  });

  test('keeps a rejection that nobody handles unhandled', async () => {
    const unhandled: unknown[] = [];
    const listeners = process.listeners('unhandledRejection');
    process.removeAllListeners('unhandledRejection');
    process.on('unhandledRejection', (reason) => unhandled.push(reason));
    try {
      void world.engine.runner.run(agent, '#bad');
      await expect.poll(() => unhandled.length).toBe(1);
      expect(String(unhandled[0])).toContain('no such thing');
    } finally {
      process.removeAllListeners('unhandledRejection');
      for (const listener of listeners) process.on('unhandledRejection', listener);
    }
  });

  test('lets go of what the program has let go of, while its class is observed', async () => {
    const beating: NodeJS.Timeout[] = [];
    const use = async (): Promise<WeakRef<object>[]> => {
      const session = new RecordingStore('store-1');
      // What is begun in a run outlives it, and keeps what the asynchronous context leads to.
      session.getItems = async () => (beating.push(setInterval(() => {}, 60_000).unref()), []);
      const model = new ScriptedModel([[assistantMessage('one')]]);
      const runner = new Runner();
      const { runContext } = await world.engine.runner.run(agent, 'hello', { session });
      await runner.run(new Agent({ name: 'Guide', model }), 'hello', { session });
      return [session, model, runner, runContext].map((object) => new WeakRef(object));
    };
    const used = await use();
    await expect
      .poll(() => (collect(), used.map((reference) => reference.deref() !== undefined)))
      .toEqual([false, false, false, false]);
    for (const timer of beating) clearInterval(timer);
  });

  test('lets go of a tool whose turn was given up before it ended', async () => {
    world.observation.stop();
    const observation = observe(openaiAgents, Runner, { idleTimeoutMillis: 20 });
    const use = async (): Promise<WeakRef<object>> => {
      const { signal } = new AbortController();
      const slow = tool({
        name: 'weather',
        description: 'The weather of a city',
        parameters: z.object({ city: z.string() }),
        execute: async () => setTimeout(200, 'rain'),
      });
      const model = new ScriptedModel([
        [functionCall('weather', { city: 'Oslo' }, { callId: 'a' })],
        [assistantMessage('rain')],
      ]);
      await new Runner().run(new Agent({ name: 'Guide', model, tools: [slow] }), 'hello', { signal });
      return new WeakRef(signal);
    };
    const signal = await use();
    expect(world.tracing.capture.index.runs[0]?.root.attributes['error.type']).toBe('abandoned');
    await expect.poll(() => (collect(), signal.deref() === undefined)).toBe(true);
    observation.stop();
  });
});

describe('a conversation that is not sampled', () => {
  beforeEach(async () => {
    await world[Symbol.asyncDispose]();
    world = await startOpenAIWorld({ sampler: new AlwaysOffSampler() });
  });

  test('leaves no span, and what is called in it is left alone', async () => {
    const model = new ScriptedModel([[assistantMessage('one')]]);
    const session = new RecordingStore('store-1');
    const guardrail = { name: 'no', execute: async () => ({ tripwireTriggered: false, outputInfo: {} }) };
    const { execute } = guardrail;
    await world.engine.runner.run(new Agent({ name: 'Guide', model, inputGuardrails: [guardrail] }), 'hi', { session });
    expect(world.tracing.capture.spans).toEqual([]);
    expect(Object.hasOwn(model, 'getResponse')).toBe(false);
    expect(Object.getOwnPropertyDescriptors(RecordingStore.prototype)).toEqual(classOfStores);
    expect(guardrail.execute).toBe(execute);
  });

  test('has its session, its turns and its trace all the same', async () => {
    const seen: (string | undefined)[] = [];
    const look = tool({
      name: 'weather',
      description: 'The weather of a city',
      parameters: z.object({ city: z.string() }),
      execute: async () => {
        seen.push(trace.getActiveSpan()?.spanContext().traceId, currentSession()?.id);
        return 'rain';
      },
    });
    const looking = new Agent({ name: 'Guide', tools: [look] });
    const session = new RecordingStore('store-1');
    for (const text of ['#weather', 'hello']) await world.engine.runner.run(looking, text, { session });
    const [first, second] = world.observation.runs();
    expect(seen).toEqual([first?.traceId, 'store-1']);
    expect(first?.traceId).toMatch(/[^0]/);
    expect([first?.turn, second?.turn]).toEqual([1, 2]);
    expect(second?.session).toMatchObject({ id: 'store-1', source: 'engine' });
  });
});

/** A processor as an application adds it beside the SDK's exporter. */
class OwnProcessor implements TracingProcessor {
  readonly ended: string[] = [];
  async onTraceStart(_trace: Trace): Promise<void> {}
  async onTraceEnd({ name }: Trace): Promise<void> {
    this.ended.push(`trace ${name}`);
  }
  async onSpanStart(_span: AgentsSpan<never>): Promise<void> {}
  async onSpanEnd(span: AgentsSpan<never>): Promise<void> {
    this.ended.push(Reflect.get(span.spanData, 'type'));
  }
  async shutdown(): Promise<void> {}
  async forceFlush(): Promise<void> {}
}

describe('the SDK’s own tracing', () => {
  const play = async (): Promise<readonly string[]> => {
    const [exporter, added] = [new OwnProcessor(), new OwnProcessor()];
    setTraceProcessors([exporter]);
    addTraceProcessor(added);
    const runner = new Runner({ modelProvider: world.engine.provider, model: 'test-model' });
    await withSession('conv-42', () => runner.run(agent, '#weather'));
    expect(added.ended).toEqual(exporter.ended);
    return exporter.ended;
  };
  afterEach(() => {
    setTraceProcessors([]);
    setTracingDisabled(true);
  });

  test('is off under NODE_ENV=test, which is nothing to us', async () => {
    expect(process.env['NODE_ENV']).toBe('test');
    expect(await play()).toEqual([]);
    expect(world.tracing.capture).toHaveSession('conv-42', { turns: 1 });
  });

  test('goes to its own exporters as without us, and every run is one turn of ours', async () => {
    setTracingDisabled(false);
    const beside = await play();
    expect(beside).toContain('trace Agent workflow');
    world.observation.stop();
    expect(await play()).toEqual(beside);
    expect(world.tracing.capture).toHaveSession('conv-42', { turns: 1 });
    expect(world.tracing.capture).toPassChecks();
  });
});

describe('both copies of the package', () => {
  test('have classes of their own, and each run is recorded once, with models and sessions shared', async () => {
    const { Agent: CommonJsAgent, Runner: CommonJsRunner } = agentsInCommonJs;
    expect(CommonJsRunner).not.toBe(Runner);
    const other = observe(openaiAgents, CommonJsRunner);
    const model = new ScriptedModel(Array.from({ length: 4 }, () => [assistantMessage('hello')]));
    const session = new RecordingStore('store-1');
    for (let index = 0; index < 2; index++) {
      await new Runner().run(new Agent({ name: 'Guide', model }), 'hello', { session });
      await new CommonJsRunner().run(new CommonJsAgent({ name: 'Guide', model }), 'hello', { session });
    }
    other.stop();
    expect(session.calls.every(([, args]) => args.length <= 1)).toBe(true);
    expect(world.tracing.capture).toHaveSession('store-1', { turns: 4 });
    expect(world.tracing.capture).toPassChecks();
    expect(world.tracing.capture.tree()).toMatchInlineSnapshot(`
      "invoke_agent Guide [session store-1] run.start
        session getItems
          SQL getItems
        chat
        session addItems
          SQL addItems
      invoke_agent Guide [session store-1] run.start -> previous turn
        session getItems
          SQL getItems
        chat
        session addItems
          SQL addItems
      invoke_agent Guide [session store-1] run.start -> previous turn
        session getItems
          SQL getItems
        chat
        session addItems
          SQL addItems
      invoke_agent Guide [session store-1] run.start -> previous turn
        session getItems
          SQL getItems
        chat
        session addItems
          SQL addItems"
    `);
  });

  test('are met by the module hook, and left as they were when it is disabled', async () => {
    world.observation.stop();
    const instrumentation = new TurnkeeperInstrumentation({ engines: ['openai-agents'] });
    for (const { name, patch } of instrumentation.getModuleDefinitions()) {
      expect(name).toBe('@openai/agents-core');
      // Both doors export the class.
      patch?.(agentsModule);
      patch?.(agentsInCommonJs);
    }
    const common = new agentsInCommonJs.Runner({ modelProvider: openOpenAIAgents({ url: world.server.url }).provider });
    await withSession('conv-42', () => world.engine.runner.run(agent, '#weather'));
    await withSession('conv-42', () => common.run(new agentsInCommonJs.Agent({ name: 'Guide' }), 'hello'));
    instrumentation.disable();
    await withSession('conv-42', () => world.engine.runner.run(agent, 'hello'));
    expect(world.tracing.capture).toHaveSession('conv-42', { turns: 2 });
    expect(Runner.prototype.run).toBe(originalRun);
  });
});

// The last one: from the first such store on, runs of the whole process are carried along.
test('runs are carried along only where a store wants to know them', async () => {
  const session = new RecordingStore('store-1');
  await world.engine.runner.run(agent, 'hello', { session });
  expect(storeRunsIfAny()).toBeUndefined();
  const carried: unknown[] = [];
  withRunContext(session);
  session.getItems = async () => (carried.push(storeRunsIfAny()?.getStore()?.runContext), []);
  const { runContext } = await world.engine.runner.run(agent, 'hello', { session });
  expect(carried).toEqual([runContext]);
});

function handOn(this: Runner, ...args: Parameters<Runner['run']>): unknown {
  return Runner.prototype.run.apply(this, args);
}
