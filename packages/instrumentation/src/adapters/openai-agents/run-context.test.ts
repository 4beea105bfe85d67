import {
  Agent,
  MemorySession,
  OutputGuardrailTripwireTriggered,
  RunState,
  tool,
  type AgentInputItem,
  type RunContext,
  type Session,
} from '@openai/agents';
import { context } from '@opentelemetry/api';
import { suppressTracing } from '@opentelemetry/core';
import { AlwaysOffSampler } from '@opentelemetry/sdk-trace-base';
import '@turnkeeper/check/vitest';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { withSession } from '../../session/active-session.ts';
import { CapableStore, compacted, compacting, guide, late, patient, play } from '../../testing/openai-agents-stores.ts';
import {
  AwareStore,
  ForgetfulSession,
  RecordingStore,
  startOpenAIWorld,
  type OpenAIWorld,
} from '../../testing/openai-agents.ts';
import { withRunContext } from './index.ts';

let world: OpenAIWorld;
beforeEach(async () => {
  world = await startOpenAIWorld();
});
afterEach(() => world[Symbol.asyncDispose]());

/** Runs `work` where somebody has switched tracing off. */
function suppressed<T>(work: () => T): T {
  return context.with(suppressTracing(context.active()), work);
}

/** The context that each call of a store was given: the last argument, where there is one too many. */
function contextsOf(store: RecordingStore): readonly unknown[] {
  return store.calls.map(([method, args]) => args[method === 'popItem' || method === 'clearSession' ? 0 : 1]);
}

describe('the run’s context', () => {
  test('does not reach a store through the SDK’s compaction by itself', async () => {
    const store = new AwareStore('store-1');
    await world.engine.runner.run(guide, 'hello', { session: compacting(world, store) });
    expect(store.calls.length).toBeGreaterThan(3);
    expect(contextsOf(store)).toEqual(store.calls.map(() => undefined));
  });

  test.each([
    ['below the SDK’s compaction', (store: Session) => compacting(world, withRunContext(store))],
    ['around the SDK’s compaction', (store: Session) => withRunContext(compacting(world, store))],
    ['below and around it', (store: Session) => withRunContext(compacting(world, withRunContext(store)))],
  ])('reaches a store that opted in, %s: reads, writes, replacement', async (_where, wrap) => {
    const store = new AwareStore('store-1');
    const result = await world.engine.runner.run(guide, '#weather', { session: wrap(store) });
    expect(new Set(store.calls.map(([method]) => method))).toEqual(new Set(['getItems', 'addItems', 'clearSession']));
    expect(contextsOf(store).every((given) => given === result.runContext)).toBe(true);
    expect(world.tracing.capture).toHaveSession('store-1', { turns: 1 });
    expect(world.tracing.capture).toPassChecks();
  });

  test('reaches a store that opted in through a decorator with private fields, in every kind of turn', async () => {
    const store = new AwareStore('store-1');
    const runContexts: RunContext[] = [];
    await play(world, new ForgetfulSession(withRunContext(store)), runContexts);
    expect(runContexts).toHaveLength(5);
    expect(contextsOf(store).every((given) => runContexts.some((one) => one === given))).toBe(true);
    expect(runContexts.every((one) => contextsOf(store).includes(one))).toBe(true);
    // The first read comes before the runner has shown its context to anybody.
    expect(store.calls[0]?.[0]).toBe('getItems');
    expect(contextsOf(store)[0]).toBe(runContexts[0]);
  });

  test('reaches it in a turn that is not sampled', async () => {
    await world[Symbol.asyncDispose]();
    world = await startOpenAIWorld({ sampler: new AlwaysOffSampler() });
    const store = new AwareStore('store-1');
    const result = await world.engine.runner.run(guide, 'hello', {
      session: new ForgetfulSession(withRunContext(store)),
    });
    expect(store.calls.map(([method]) => method)).toEqual(['getItems', 'addItems']);
    expect(contextsOf(store)).toEqual([result.runContext, result.runContext]);
    expect(world.tracing.capture.spans).toEqual([]);
  });

  test('reaches it in a turn where tracing is suppressed, which leaves no span', async () => {
    const store = new AwareStore('store-1');
    const runContexts: RunContext[] = [];
    await suppressed(() => play(world, new ForgetfulSession(withRunContext(store)), runContexts));
    expect(runContexts).toHaveLength(5);
    expect(contextsOf(store).every((given) => runContexts.some((one) => one === given))).toBe(true);
    expect(contextsOf(store)[0]).toBe(runContexts[0]);
    expect(world.tracing.capture.spans).toEqual([]);
  });

  test('is that of the suppressed turn where a tool of a traced one runs it', async () => {
    const store = new AwareStore('store-1');
    const session = new ForgetfulSession(withRunContext(store));
    const inner: unknown[] = [];
    const quiet = tool({
      name: 'weather',
      description: 'Asks another agent, in silence',
      parameters: z.object({ city: z.string() }),
      execute: () =>
        suppressed(async () => {
          const { finalOutput, runContext } = await world.engine.runner.run(guide, '#weather', { session });
          inner.push(runContext);
          return `${finalOutput}`;
        }),
    });
    const outer = new Agent({ name: 'Guide', tools: [quiet] });
    await withSession('conv-42', () => world.engine.runner.run(outer, '#weather'));
    expect(contextsOf(store).map((given) => given === inner[0])).toEqual([true, true]);
    expect(world.tracing.capture.spans.filter(({ name }) => name.startsWith('session'))).toEqual([]);
  });

  test('is that of the run, not of another at the same time', async () => {
    const store = new AwareStore('store-1');
    const session = new ForgetfulSession(withRunContext(store));
    const results = await Promise.all(
      ['a', 'b', 'c'].map((user) => world.engine.runner.run(guide, '#slow', { session, context: { user } })),
    );
    for (const { runContext } of results) {
      expect(contextsOf(store).filter((given) => given === runContext).length).toBeGreaterThanOrEqual(2);
    }
    expect(contextsOf(store)).not.toContain(undefined);
  });

  test('reaches the store where a tool uses the session, and not where nobody runs', async () => {
    const store = new AwareStore('store-1');
    const session = new ForgetfulSession(withRunContext(store));
    const forget = tool({
      name: 'weather',
      description: 'Forgets',
      parameters: z.object({ city: z.string() }),
      execute: async () => `${(await session.popItem())?.type}`,
    });
    const result = await world.engine.runner.run(new Agent({ name: 'Guide', tools: [forget] }), '#weather', {
      session,
    });
    const popped = store.calls.find(([method]) => method === 'popItem');
    expect(popped?.[1]).toEqual([result.runContext]);
    await session.popItem();
    expect(store.calls.at(-1)).toEqual(['popItem', []]);
  });

  test('is kept from a store that did not opt in: it sees the calls it sees today', async () => {
    const wrapped = new RecordingStore('store-1');
    await play(world, withRunContext(wrapped));
    const inside = new RecordingStore('store-1');
    await play(world, new ForgetfulSession(withRunContext(inside)));
    const silent = new RecordingStore('store-1');
    await suppressed(() => play(world, silent));
    world.observation.stop();
    const plain = new RecordingStore('store-1');
    await play(world, plain);
    const shapes = (store: RecordingStore): unknown => store.calls.map(([method, args]) => [method, args.length]);
    expect(shapes(wrapped)).toEqual(shapes(plain));
    expect(shapes(inside)).toEqual(shapes(plain));
    expect(shapes(silent)).toEqual(shapes(plain));
    expect(wrapped.asked).toBe(plain.asked);
  });

  test.each([
    ['traced', <T>(work: () => T): T => work()],
    ['suppressed', <T>(work: () => T): T => suppressed(work)],
  ])('lets a store say that it accepts it to the runner alone, in a turn that is %s', async (_how, within) => {
    withRunContext(new RecordingStore());
    const said: unknown[] = [];
    const session = new RecordingStore('store-1');
    const look = (): void => void said.push(Reflect.get(session, 'acceptsRunContext'));
    session.addItems = async () => look();
    const timers: NodeJS.Timeout[] = [];
    const asking = tool({
      name: 'weather',
      description: 'Asks',
      parameters: z.object({ city: z.string() }),
      execute: async (_input, runContext) => {
        look();
        await session.popItem(runContext);
        timers.push(setInterval(look, 1).unref());
        return 'asked';
      },
    });
    const { runContext } = await within(() =>
      world.engine.runner.run(new Agent({ name: 'Guide', tools: [asking] }), '#weather', { session }),
    );
    await expect.poll(() => said.length).toBeGreaterThan(5);
    for (const timer of timers) clearInterval(timer);
    expect(new Set(said)).toEqual(new Set([undefined]));
    expect(session.calls).toEqual([
      ['getItems', []],
      ['popItem', [runContext]],
    ]);
  });

  test('reaches the store without observation too, where what is passed to run is wrapped as well', async () => {
    world.observation.stop();
    const store = new AwareStore('store-1');
    const session = withRunContext(new ForgetfulSession(withRunContext(store)));
    const result = await world.engine.runner.run(guide, '#weather', { session });
    expect(contextsOf(store).every((given) => given === result.runContext)).toBe(true);
  });

  test('goes with a replacement and with a transaction', async () => {
    const store = new CapableStore('store-1');
    const session = withRunContext(store);
    const { runContext } = await world.engine.runner.run(guide, compacted, { session });
    expect(store.calls.map(([method]) => method)).toContain('replaceHistoryWithCompaction');
    expect(contextsOf(store).every((given) => given === runContext)).toBe(true);
    const error: unknown = await world.engine.runner
      .run(late, '#weather', { session })
      .catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(OutputGuardrailTripwireTriggered);
    expect(store.calls.at(-1)?.[0]).toBe('applyHistoryTransaction');
    expect(contextsOf(store).at(-1)).toBe(contextsOf(store).at(-2));
    expect(contextsOf(store).at(-1)).toBeDefined();
  });

  test('goes on from a string with the new run’s context', async () => {
    const store = new AwareStore('store-1');
    const session = new ForgetfulSession(withRunContext(store));
    const first = await world.engine.runner.run(patient, '#weather', { session });
    const state = await RunState.fromString(patient, first.state.toString());
    state.approve(state.getInterruptions()[0]!);
    const before = store.calls.length;
    const second = await world.engine.runner.run(patient, state, { session });
    expect(store.calls.length).toBeGreaterThan(before);
    expect(
      contextsOf(store)
        .slice(before)
        .every((given) => given === second.runContext),
    ).toBe(true);
  });
});

describe('a wrapped session', () => {
  class Full extends RecordingStore {
    #secret = 'kept';
    limit = 3;
    get secret(): string {
      return this.#secret;
    }
    set secret(value: string) {
      this.#secret = value;
    }
    override toString(): string {
      return `Full ${this.#secret}`;
    }
  }

  test('is still of its class, with its private fields, its properties and its id', async () => {
    const store = new Full('store-1');
    const wrapped = withRunContext(store);
    expect(wrapped).toBeInstanceOf(Full);
    expect(wrapped.secret).toBe('kept');
    wrapped.secret = 'changed';
    wrapped.limit = 5;
    expect(store.secret).toBe('changed');
    expect(store.limit).toBe(5);
    expect(wrapped.toString()).toBe('Full changed');
    expect(wrapped.sessionId).toBe('store-1');
    expect(await wrapped.getSessionId()).toBe('store-1');
    expect('runCompaction' in wrapped).toBe(false);
  });

  test('is wrapped once, and what is no session is left alone', () => {
    const wrapped = withRunContext(new RecordingStore());
    expect(withRunContext(wrapped)).toBe(wrapped);
    const other = { hello: 'world' };
    expect(withRunContext(other)).toBe(other);
  });

  test('of a remote conversation keeps its id readable', () => {
    const items: AgentInputItem[] = [];
    const wrapped = withRunContext(
      compacting(world, new MemorySession({ sessionId: 'memory-1', initialItems: items })),
    );
    expect('getItemsWithCompactionOwnership' in wrapped).toBe(true);
    expect('applyHistoryTransaction' in wrapped).toBe(false);
  });
});
