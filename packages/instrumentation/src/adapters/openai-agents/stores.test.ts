import { Agent, MemorySession, OutputGuardrailTripwireTriggered, tool } from '@openai/agents';
import '@turnkeeper/check/vitest';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { withSession } from '../../session/active-session.ts';
import { CapableStore, compacted, compacting, guide, late, play } from '../../testing/openai-agents-stores.ts';
import { AwareStore, RecordingStore, startOpenAIWorld, type OpenAIWorld } from '../../testing/openai-agents.ts';

let world: OpenAIWorld;
beforeEach(async () => {
  world = await startOpenAIWorld();
});
afterEach(() => world[Symbol.asyncDispose]());

describe('the history of a session', () => {
  test('is read and written in spans of the run, the first read too, each with the session’s id', async () => {
    const session = new RecordingStore('store-1');
    await withSession('conv-42', () => world.engine.runner.run(guide, '#weather', { session }));
    expect(session.seen).toEqual(['conv-42', 'conv-42']);
    const { capture } = world.tracing;
    expect(capture).toStampEverySpan();
    expect(capture).toPassChecks();
    expect(capture.tree()).toMatchInlineSnapshot(`
      "invoke_agent Guide [session conv-42] run.start
        session getItems
          SQL getItems
        chat test-model
        execute_tool weather
          SELECT weather
        chat test-model
        session addItems
          SQL addItems"
    `);
    const read = capture.spans.find(({ name }) => name === 'session getItems');
    expect(read?.attributes).toEqual({
      'session.id': 'conv-42',
      'turnkeeper.step.type': 'session',
      'turnkeeper.step.name': 'getItems',
    });
    expect(read?.kind).toBe('internal');
  });

  test('that cannot be read fails the run in the store’s own words, and the span by their name', async () => {
    const session = new RecordingStore('store-1');
    session.getItems = async () => {
      throw new RangeError('disk full');
    };
    await expect(world.engine.runner.run(guide, 'hello', { session })).rejects.toThrow('disk full');
    expect(world.tracing.capture).toPassChecks();
    expect(world.tracing.capture.tree()).toMatchInlineSnapshot(`
      "invoke_agent Guide [session store-1] run.start (error RangeError)
        session getItems (error RangeError)"
    `);
  });

  test('that a tool takes an item from shows that in the tool’s span', async () => {
    const session = new RecordingStore('store-1');
    const forget = tool({
      name: 'weather',
      description: 'Forgets',
      parameters: z.object({ city: z.string() }),
      execute: async () => {
        await session.popItem();
        await session.clearSession();
        return 'forgotten';
      },
    });
    await world.engine.runner.run(new Agent({ name: 'Guide', tools: [forget] }), '#weather', { session });
    expect(world.tracing.capture).toPassChecks();
    expect(world.tracing.capture.tree()).toMatchInlineSnapshot(`
      "invoke_agent Guide [session store-1] run.start
        session getItems
          SQL getItems
        chat test-model
        execute_tool weather
          session popItem
            SQL popItem
          session clearSession
            SQL clearSession
        chat test-model
        session addItems
          SQL addItems"
    `);
  });

  test('that is used outside any run is not the run’s', async () => {
    const session = new RecordingStore('store-1');
    await world.engine.runner.run(guide, 'hello', { session });
    const count = (): number => world.tracing.capture.spans.filter(({ name }) => name === 'session getItems').length;
    const before = count();
    await session.getItems();
    expect(before).toBe(1);
    expect(count()).toBe(1);
  });

  test('is called with the same arguments as without us, and asked for its id as often', async () => {
    const observed = new RecordingStore('store-1');
    await play(world, observed);
    world.observation.stop();
    const plain = new RecordingStore('store-1');
    await play(world, plain);
    expect(observed.calls.map(([method, args]) => [method, args.length])).toEqual(
      plain.calls.map(([method, args]) => [method, args.length]),
    );
    expect(observed.calls.every(([, args]) => args.length <= 1)).toBe(true);
    expect(observed.asked).toBe(plain.asked);
  });

  test('is called with the run’s context where it opted in, as without us', async () => {
    const observed = new AwareStore('store-1');
    await play(world, observed);
    world.observation.stop();
    const plain = new AwareStore('store-1');
    await play(world, plain);
    expect(observed.calls.map(([method, args]) => [method, args.length])).toEqual(
      plain.calls.map(([method, args]) => [method, args.length]),
    );
  });

  test('leaves no mark of ours on a session, and hooks none twice', async () => {
    const session = new RecordingStore('store-1');
    const names = Reflect.ownKeys(session);
    await world.engine.runner.run(guide, 'hello', { session });
    await world.engine.runner.run(guide, 'hello', { session });
    expect(world.tracing.capture.spans.filter(({ name }) => name === 'session getItems')).toHaveLength(2);
    expect(Reflect.get(session, 'acceptsRunContext')).toBeUndefined();
    world.observation.stop();
    expect(Reflect.ownKeys(session)).toEqual(names);
  });

  test('of a session that declines the context, or changes its mind, is called as it says', async () => {
    const session = Object.assign(new RecordingStore('store-1'), { acceptsRunContext: false });
    await world.engine.runner.run(guide, 'hello', { session });
    expect(session.calls.every(([, args]) => args.length <= 1)).toBe(true);
    expect(session.acceptsRunContext).toBe(false);
    session.acceptsRunContext = true;
    const { runContext } = await world.engine.runner.run(guide, 'hello', { session });
    expect(session.calls.slice(2).map(([, args]) => args.at(-1))).toEqual([runContext, runContext]);
    world.observation.stop();
    expect(session.acceptsRunContext).toBe(true);
  });

  test('of a session that opted in is called with the context by a copy of it, too', async () => {
    const store = new AwareStore('store-1');
    const session = {
      acceptsRunContext: true as const,
      getSessionId: () => store.getSessionId(),
      getItems: store.getItems.bind(store),
      addItems: store.addItems.bind(store),
      popItem: store.popItem.bind(store),
      clearSession: store.clearSession.bind(store),
    };
    await world.engine.runner.run(guide, 'hello', { session });
    store.calls.length = 0;
    const { runContext } = await world.engine.runner.run(guide, 'hello', { session: { ...session } });
    expect(store.calls.map(([, args]) => args.at(-1))).toEqual([runContext, runContext]);
  });

  test('in a store that is frozen is not shown, and the run goes on', async () => {
    const session = Object.freeze(new RecordingStore('store-1'));
    const result = await world.engine.runner.run(guide, 'hello', { session });
    expect(result.finalOutput).toBe('echo: hello');
    expect(session.calls.every(([, args]) => args.length <= 1)).toBe(true);
    expect(world.tracing.capture).toPassChecks();
  });

  test('is changed in a transaction where the store can, when a guardrail trips after a tool', async () => {
    const session = new MemorySession({ sessionId: 'memory-1' });
    await expect(world.engine.runner.run(late, '#weather', { session })).rejects.toThrow(
      OutputGuardrailTripwireTriggered,
    );
    expect(world.tracing.capture).toPassChecks();
    expect(world.tracing.capture.tree()).toMatchInlineSnapshot(`
      "invoke_agent Guide [session memory-1] run.start (error OutputGuardrailTripwireTriggered)
        session getItems
        chat test-model
        execute_tool weather
          SELECT weather
        chat test-model
        guardrail no (error tripwire)
        session applyHistoryTransaction"
    `);
  });

  test('is replaced as a whole where a turn begins with a compaction', async () => {
    await world.engine.runner.run(guide, compacted, { session: new CapableStore('store-1') });
    await world.engine.runner.run(guide, compacted, { session: new RecordingStore('store-1') });
    expect(world.tracing.capture).toPassChecks();
    expect(world.tracing.capture.tree()).toMatchInlineSnapshot(`
      "invoke_agent Guide [session store-1] run.start
        session getItems
          SQL getItems
        chat test-model
        session getItems
          SQL getItems
        session replaceHistory
      invoke_agent Guide [session store-1] run.start -> previous turn
        session getItems
          SQL getItems
        chat test-model
        session getItems
          SQL getItems
        session clearSession
          SQL clearSession
        session addItems
          SQL addItems"
    `);
  });

  test('shows compaction, with the reads and the replacement that it makes', async () => {
    const session = compacting(world, new RecordingStore('store-1'));
    await world.engine.runner.run(guide, 'hello', { session });
    expect(world.tracing.capture).toHaveSession('store-1', { turns: 1 });
    expect(world.tracing.capture).toPassChecks();
    expect(world.tracing.capture.tree()).toMatchInlineSnapshot(`
      "invoke_agent Guide [session store-1] run.start
        session getItems
          SQL getItems
        chat test-model
        session addItems
          SQL addItems
        session runCompaction
          session getItems
            SQL getItems
          session getItems
            SQL getItems
          session clearSession
            SQL clearSession
          session addItems
            SQL addItems"
    `);
  });
});
