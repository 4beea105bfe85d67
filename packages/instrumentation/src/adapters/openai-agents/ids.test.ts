import { Agent, MemorySession, OpenAIConversationsSession, Runner, tool } from '@openai/agents';
import '@turnkeeper/check/vitest';
import { registerInstrumentations } from '@opentelemetry/instrumentation';
import { UndiciInstrumentation } from '@opentelemetry/instrumentation-undici';
import { openOpenAIAgents } from '@turnkeeper/model-server/openai-agents';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { withSession } from '../../session/active-session.ts';
import { attachSession, SessionContext } from '../../session/session-context.ts';
import {
  approvalOptions,
  RecordingStore,
  startOpenAIWorld,
  weather,
  type OpenAIWorld,
} from '../../testing/openai-agents.ts';

let world: OpenAIWorld;
beforeEach(async () => {
  world = await startOpenAIWorld();
});
afterEach(() => world[Symbol.asyncDispose]());

describe('the id', () => {
  const agent = new Agent({ name: 'Guide' });
  const sourceOf = (): unknown => world.tracing.capture.index.runs[0]?.root.attributes['turnkeeper.session.source'];

  test('of conversationId beats the session’s and the group’s', async () => {
    const runner = new Runner({ ...world.engine.runner.config, groupId: 'group-1' });
    await runner.run(agent, 'hello', {
      conversationId: 'conv_1',
      session: new MemorySession({ sessionId: 'memory-1' }),
    });
    expect(world.tracing.capture).toHaveSession('conv_1', { turns: 1 });
    expect(sourceOf()).toBe('engine');
  });

  test('of the session beats the group’s', async () => {
    const runner = new Runner({ ...world.engine.runner.config, groupId: 'group-1' });
    await runner.run(agent, 'hello', { session: new MemorySession({ sessionId: 'memory-1' }) });
    expect(world.tracing.capture).toHaveSession('memory-1', { turns: 1 });
  });

  test('of the group is the last there is', async () => {
    const runner = new Runner({ ...world.engine.runner.config, groupId: 'group-1' });
    await runner.run(agent, 'hello', { session: new RecordingStore() });
    await runner.run(agent, 'hello');
    expect(world.tracing.capture).toHaveSession('group-1', { turns: 2 });
    expect(world.tracing.capture).toPassChecks();
  });

  test('is absent where nobody gives one', async () => {
    await world.engine.runner.run(agent, 'hello');
    expect(world.tracing.capture.tree()).toMatchInlineSnapshot(`
      "invoke_agent Guide [no session] run.start
        chat test-model [no session]"
    `);
    expect(sourceOf()).toBeUndefined();
  });

  test('of the platform wins, and what the engine says is kept aside', async () => {
    await withSession('conv-42', () => world.engine.runner.run(agent, 'hello', { conversationId: 'conv_1' }));
    expect(world.tracing.capture).toHaveSession('conv-42', { turns: 1 });
    expect(world.tracing.capture.index.runs[0]?.root.attributes).toMatchObject({
      'turnkeeper.session.source': 'context',
      'turnkeeper.engine.session.id': 'conv_1',
    });
  });

  test('attached to an agent, or to the runner, beats what the engine says', async () => {
    const attached = attachSession(new Agent({ name: 'Guide' }), new SessionContext({ sessionId: 'batch-1' }));
    const session = new MemorySession({ sessionId: 'memory-1' });
    await world.engine.runner.run(attached, 'hello', { session });
    const runner = attachSession(new Runner(world.engine.runner.config), new SessionContext({ sessionId: 'batch-2' }));
    await runner.run(agent, 'hello', { session });
    const runs = world.tracing.capture.index.runs.map(({ root }) => [
      root.attributes['session.id'],
      root.attributes['turnkeeper.session.source'],
      root.attributes['turnkeeper.engine.session.id'],
    ]);
    expect(runs).toEqual([
      ['batch-1', 'attached', 'memory-1'],
      ['batch-2', 'attached', 'memory-1'],
    ]);
  });

  test('is never asked for: only the engine calls getSessionId(), and it does not', async () => {
    const store = new RecordingStore('store-1');
    for (const text of ['hello', '#weather', 'thanks']) {
      await world.engine.runner.run(new Agent({ name: 'Guide', tools: [weather] }), text, { session: store });
    }
    expect(store.asked).toBe(0);
    expect(world.tracing.capture).toHaveSession('store-1', { turns: 3 });
  });

  test('is asked for as often as without us where a person is waited for', async () => {
    const guarded = tool({ ...approvalOptions, execute: async () => 'done' });
    const asked = async (): Promise<number> => {
      const store = new RecordingStore('store-1');
      const one = new Agent({ name: 'Guide', tools: [guarded] });
      const first = await world.engine.runner.run(one, '#weather', { session: store });
      first.state.approve(first.interruptions[0]!);
      await world.engine.runner.run(one, first.state, { session: store });
      return store.asked;
    };
    const observed = await asked();
    world.observation.stop();
    expect(await asked()).toBe(observed);
  });

  test('of a remote conversation arrives with the first read, and is made once', async () => {
    const session = new OpenAIConversationsSession({ client: world.engine.client });
    expect(session.sessionId).toBeUndefined();
    await world.engine.runner.run(agent, 'hello', { session });
    await world.engine.runner.run(agent, 'again', { session });
    expect([...world.server.conversations.keys()]).toEqual(['conv_1']);
    expect(world.tracing.capture).toHaveSession('conv_1', { turns: 2 });
    expect(world.tracing.capture).toPassChecks();
    expect(world.tracing.capture.tree()).toMatchInlineSnapshot(`
      "invoke_agent Guide [session conv_1] run.start
        session getItems
        chat test-model
        session addItems
      invoke_agent Guide [session conv_1] run.start -> previous turn
        session getItems
        chat test-model
        session addItems"
    `);
  });

  test('of a remote conversation is on the requests too that came before it', async () => {
    const undici = new UndiciInstrumentation();
    const unregister = registerInstrumentations({ instrumentations: [undici], tracerProvider: world.tracing.provider });
    try {
      const session = new OpenAIConversationsSession({ client: world.engine.client });
      await world.engine.runner.run(agent, 'hello', { session });
    } finally {
      unregister();
      undici.disable();
    }
    expect(world.tracing.capture).toStampEverySpan();
    expect(world.tracing.capture).toPassChecks();
    expect(world.tracing.capture.tree()).toMatchInlineSnapshot(`
      "invoke_agent Guide [session conv_1] run.start
        session getItems
          POST
          GET
        chat test-model
          POST
        session addItems
          POST"
    `);
  });

  test('of a remote conversation that cannot be made falls back to the group’s', async () => {
    const session = new OpenAIConversationsSession({ client: openOpenAIAgents({ url: 'http://127.0.0.1:1' }).client });
    const runner = new Runner({ ...world.engine.runner.config, groupId: 'group-1' });
    await expect(runner.run(agent, 'hello', { session })).rejects.toThrow('Connection error');
    expect(world.tracing.capture).toHaveSession('group-1', { turns: 1 });
  });

  test('of a session whose property throws is none, and the run goes on', async () => {
    const store = Object.defineProperty(new RecordingStore(), 'sessionId', {
      get() {
        throw new Error('not now');
      },
    });
    const result = await world.engine.runner.run(agent, 'hello', { session: store });
    expect(result.finalOutput).toBe('echo: hello');
    expect(world.tracing.capture.tree()).toContain('invoke_agent Guide [no session] run.start');
    expect(world.tracing.diagnostics).toEqual([]);
  });
});
