import type { AgentSession, ExtensionAPI } from '@earendil-works/pi-coding-agent';
import '@turnkeeper/check/vitest';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { withSession } from '../../session/active-session.ts';
import { startPiWorld, type PiWorld } from '../../testing/pi.ts';

let world: PiWorld;
beforeEach(async () => {
  world = await startPiWorld();
});
afterEach(() => world[Symbol.asyncDispose]());

const tree = (): string => world.tracing.capture.tree();

/** Waits for an event of this type. */
function next(session: AgentSession, type: string): Promise<void> {
  return new Promise((resolve) => {
    const unsubscribe = session.subscribe((event) => {
      if (event.type !== type) return;
      unsubscribe();
      resolve();
    });
  });
}

const commands = {
  name: 'commands',
  factory: (api: ExtensionAPI): void => {
    api.registerCommand('nothing', { description: 'Does nothing', handler: () => Promise.resolve() });
    api.registerCommand('ask', {
      description: 'Asks the model',
      handler: async () => {
        api.sendMessage({ customType: 'note', content: 'asked by a command', display: true }, { triggerTurn: true });
      },
    });
    api.on('input', (event) =>
      event.text === 'handled' ? { action: 'handled' as const } : { action: 'continue' as const },
    );
  },
};

describe('one root per turn', () => {
  test.each(['openai-completions', 'openai-responses'] as const)('when Pi retries (%s)', async (api) => {
    const { session } = await world.open({ api });
    await withSession('conv-42', () => session.prompt('#overloaded'));
    expect(session.getLastAssistantText()).toBe('better now');
    expect(tree()).toMatchInlineSnapshot(`
      "invoke_agent pi [session conv-42] run.start
        chat test-model (error 503)
        chat test-model"
    `);
    expect(world.tracing.capture).toPassChecks();
  });

  test('when messages are queued by steer and followUp while it works', async () => {
    const { session } = await world.open();
    const prompt = withSession('conv-42', () => session.prompt('#slow'));
    await next(session, 'message_start');
    await session.steer('steered');
    await session.followUp('followed');
    await session.prompt('prompted', { streamingBehavior: 'followUp' });
    await prompt;
    expect(session.getLastAssistantText()).toBe('echo: prompted');
    expect(tree()).toMatchInlineSnapshot(`
      "invoke_agent pi [session conv-42] run.start
        chat test-model
        chat test-model
        chat test-model"
    `);
    expect(world.tracing.capture).toPassChecks();
  });

  test('when Pi compacts by itself between two turns', async () => {
    const { session } = await world.open({ contextWindow: 115 });
    for (const text of ['one', 'two', 'three']) await withSession('conv-42', () => session.prompt(text));
    expect(tree()).toMatchInlineSnapshot(`
      "invoke_agent pi [session conv-42] run.start
        chat test-model
        chat test-model
      invoke_agent pi [session conv-42] run.start -> previous turn
        chat test-model
        chat test-model
        chat test-model
      invoke_agent pi [session conv-42] run.start -> previous turn
        chat test-model
        chat test-model
        chat test-model"
    `);
    expect(world.tracing.capture).toPassChecks();
  });
});

describe('a run that', () => {
  test('compacts on demand is upkeep: a root of its own, no turn, no link', async () => {
    const { session, observation } = await world.open();
    for (const text of ['one', 'two']) await withSession('conv-42', () => session.prompt(text));
    await withSession('conv-42', () => session.compact());
    await withSession('conv-42', () => session.prompt('three'));
    expect(tree()).toMatchInlineSnapshot(`
      "invoke_agent pi [session conv-42] run.start
        chat test-model
      invoke_agent pi [session conv-42] run.start -> previous turn
        chat test-model
      compact pi [session conv-42] run.start
        chat test-model
        chat test-model
      invoke_agent pi [session conv-42] run.start -> previous turn
        chat test-model"
    `);
    expect(world.tracing.capture).toPassChecks();
    expect(observation.runs().map(({ turn }) => turn)).toEqual([1, 2, undefined, 3]);
  });

  test('is started by a custom message is a turn too', async () => {
    const { session } = await world.open();
    const message = { customType: 'note', content: 'wake up', display: true };
    await withSession('conv-42', () => session.sendCustomMessage(message, { triggerTurn: true }));
    await withSession('conv-42', () => session.sendCustomMessage(message));
    expect(tree()).toMatchInlineSnapshot(`
      "invoke_agent pi [session conv-42] run.start
        chat test-model"
    `);
    expect(world.tracing.capture).toPassChecks();
  });

  test('is asked of the agent itself ends with its work, and the next is its caller’s', async () => {
    const { session } = await world.open();
    await withSession('conv-42', () => session.agent.prompt('#weather'));
    await withSession('conv-43', () => session.prompt('hello'));
    expect(tree()).toMatchInlineSnapshot(`
      "invoke_agent pi [session conv-42] run.start
        chat test-model
        execute_tool weather
          SELECT weather
        chat test-model
      invoke_agent pi [session conv-43] run.start
        chat test-model"
    `);
    expect(world.tracing.capture).toPassChecks();
  });

  test('is queued when another settles starts where that one did', async () => {
    const { session } = await world.open();
    let queued: Promise<void> | undefined;
    session.subscribe((event) => {
      if (event.type === 'agent_settled') queued ??= session.prompt('queued');
    });
    await world.tracing.tracer.startActiveSpan('POST /chat', async (span) => {
      await withSession('conv-42', () => session.prompt('hello'));
      await queued;
      await session.waitForIdle();
      span.end();
    });
    expect(tree()).toMatchInlineSnapshot(`
      "POST /chat [session conv-42]
        invoke_agent pi run.start
          chat test-model
        invoke_agent pi run.start -> previous turn
          chat test-model"
    `);
    expect(world.tracing.capture).toPassChecks();
  });

  test('is a custom message queued when another settles starts where that one did', async () => {
    const { session } = await world.open();
    let isQueued = false;
    session.subscribe((event) => {
      if (event.type !== 'agent_settled' || isQueued) return;
      isQueued = true;
      void session.sendCustomMessage({ customType: 'note', content: '#weather', display: true }, { triggerTurn: true });
    });
    await withSession('conv-42', () => session.prompt('hello'));
    await session.waitForIdle();
    expect(tree()).toMatchInlineSnapshot(`
      "invoke_agent pi [session conv-42] run.start
        chat test-model
      invoke_agent pi [session conv-42] run.start -> previous turn
        chat test-model
        execute_tool weather
          SELECT weather
        chat test-model"
    `);
    expect(world.tracing.capture).toPassChecks();
  });

  test.each(['prompt', 'sendCustomMessage'])('is asked for when another settles is its caller’s (%s)', async (via) => {
    const { session } = await world.open();
    const note = { customType: 'note', content: '#weather', display: true };
    const ask = (): Promise<void> =>
      via === 'prompt' ? session.prompt('#weather') : session.sendCustomMessage(note, { triggerTurn: true });
    let asked: Promise<void> | undefined;
    session.subscribe((event) => {
      if (event.type === 'agent_settled') asked ??= withSession('conv-43', ask);
    });
    await withSession('conv-42', () => session.prompt('hello'));
    await session.waitForIdle();
    const sessions = world.tracing.capture.index.runs.map(({ root }) => root.attributes['session.id']);
    expect(sessions).toEqual(['conv-42', 'conv-43']);
    expect(world.tracing.capture).toPassChecks();
  });

  test.each(['#overloaded', '#broken'])(
    'is a custom message queued is one turn however often Pi tries (%s)',
    async (content) => {
      const { session, observation } = await world.open();
      let isQueued = false;
      session.subscribe((event) => {
        if (event.type !== 'agent_settled' || isQueued) return;
        isQueued = true;
        void session.sendCustomMessage({ customType: 'note', content, display: true }, { triggerTurn: true });
      });
      await withSession('conv-42', () => session.prompt('hello'));
      await session.waitForIdle();
      await withSession('conv-42', () => session.prompt('thanks'));
      expect(observation.runs().map(({ turn }) => turn)).toEqual([1, 2, 3]);
      expect(world.tracing.capture).toPassChecks();
    },
  );

  test('a command shows no work of leaves nothing', async () => {
    const { session } = await world.open({ extensions: [commands] });
    await session.bindExtensions({});
    await withSession('conv-42', () => session.prompt('/nothing'));
    await withSession('conv-42', () => session.prompt('handled'));
    expect(tree()).toBe('');
    expect(world.server.requests).toEqual([]);
  });

  test('a command starts is traced as its own', async () => {
    const { session } = await world.open({ extensions: [commands] });
    await session.bindExtensions({});
    await withSession('conv-42', () => session.prompt('/ask'));
    await session.waitForIdle();
    expect(tree()).toMatchInlineSnapshot(`
      "invoke_agent pi [session conv-42] run.start
        chat test-model"
    `);
    expect(world.tracing.capture).toPassChecks();
  });
});

describe('an end that is no success', () => {
  test('of the provider’s is an error on the span though prompt() resolves', async () => {
    const { session } = await world.open();
    await expect(withSession('conv-42', () => session.prompt('#bad'))).resolves.toBeUndefined();
    expect(tree()).toMatchInlineSnapshot(`
      "invoke_agent pi [session conv-42] run.start (error 400)
        chat test-model (error 400)"
    `);
    expect(world.tracing.capture).toPassChecks();
  });

  test('after the last retry is one failed turn', async () => {
    const { session } = await world.open({ maxRetries: 1 });
    await withSession('conv-42', () => session.prompt('#broken'));
    expect(tree()).toMatchInlineSnapshot(`
      "invoke_agent pi [session conv-42] run.start (error 503)
        chat test-model (error 503)
        chat test-model (error 503)"
    `);
    expect(world.tracing.capture).toPassChecks();
  });

  test.each(['openai-completions', 'openai-responses'] as const)('by abort is cancelled (%s)', async (api) => {
    const { session } = await world.open({ api });
    const prompt = withSession('conv-42', () => session.prompt('#never'));
    await next(session, 'message_update');
    await session.abort();
    await prompt;
    expect(tree()).toMatchInlineSnapshot(`
      "invoke_agent pi [session conv-42] run.start (error cancelled)
        chat test-model (error cancelled)"
    `);
    expect(world.tracing.capture).toPassChecks();
  });

  test('by abort in a tool, which rejects for it, is cancelled', async () => {
    const waiting = {
      name: 'weather',
      label: 'Weather',
      description: 'Waits until it is stopped',
      parameters: { type: 'object', properties: {} },
      execute: (_id: string, _given: unknown, signal?: AbortSignal) =>
        new Promise<never>((_resolve, reject) => {
          signal?.addEventListener('abort', () => reject(new Error('stopped')));
        }),
    };
    const { session } = await world.open({ tools: [waiting] });
    const prompt = withSession('conv-42', () => session.prompt('#weather'));
    await next(session, 'tool_execution_start');
    await session.abort();
    await prompt;
    expect(tree()).toMatchInlineSnapshot(`
      "invoke_agent pi [session conv-42] run.start (error cancelled)
        chat test-model
        execute_tool weather (error cancelled)
        chat test-model (error cancelled)"
    `);
    expect(world.tracing.capture).toPassChecks();
    await withSession('conv-42', () => session.prompt('#bad'));
    expect(world.tracing.capture.index.runs.at(-1)?.root.attributes['error.type']).toBe('400');
  });

  test.each(['abort', 'abortRetry'] as const)('by %s while Pi waits to try again is cancelled', async (stop) => {
    const { session } = await world.open({ maxRetries: 3 });
    const prompt = withSession('conv-42', () => session.prompt('#broken'));
    await next(session, 'auto_retry_start');
    await session[stop]();
    await prompt;
    expect(tree()).toMatchInlineSnapshot(`
      "invoke_agent pi [session conv-42] run.start (error cancelled)
        chat test-model (error 503)"
    `);
    expect(world.tracing.capture).toPassChecks();
  });

  test('by dispose is cancelled at once: Pi says no more', async () => {
    const { session } = await world.open();
    const prompt = withSession('conv-42', () => session.prompt('#never'));
    await next(session, 'message_update');
    session.dispose();
    expect(tree()).toMatchInlineSnapshot(`
      "invoke_agent pi [session conv-42] run.start (error cancelled)
        chat test-model (error cancelled)"
    `);
    await prompt;
    expect(world.tracing.capture).toPassChecks();
    expect(world.tracing.capture.spans).toHaveLength(2);
  });

  test('before any work is the caller’s exception, unchanged, and leaves nothing', async () => {
    const { session } = await world.open();
    const busy = session.prompt('#slow');
    await next(session, 'message_start');
    await expect(session.prompt('too early')).rejects.toThrow(/already processing/);
    await busy;
    expect(tree()).toMatchInlineSnapshot(`
      "invoke_agent pi [session pi-own] run.start
        chat test-model"
    `);
  });

  test('of a prompt at the same time is that prompt’s own: the turn at work keeps what is its', async () => {
    const { session } = await world.open();
    const [one, two] = await Promise.allSettled([session.prompt('#weather'), session.prompt('two')]);
    expect([one.status, two.status]).toEqual(['fulfilled', 'rejected']);
    expect(tree()).toMatchInlineSnapshot(`
      "invoke_agent pi [session pi-own] run.start
        chat test-model
        execute_tool weather
          SELECT weather
        chat test-model"
    `);
    expect(world.tracing.capture).toPassChecks();
  });

  test('of a tool is an error on its span only', async () => {
    const failing = {
      name: 'weather',
      label: 'Weather',
      description: 'Fails',
      parameters: { type: 'object', properties: {} },
      execute: () => Promise.reject(new Error('no weather today')),
    };
    const { session } = await world.open({ tools: [failing] });
    await withSession('conv-42', () => session.prompt('#weather'));
    expect(tree()).toMatchInlineSnapshot(`
      "invoke_agent pi [session conv-42] run.start
        chat test-model
        execute_tool weather (error tool_error)
        chat test-model"
    `);
    expect(world.tracing.capture).toPassChecks();
    expect(
      JSON.stringify(world.tracing.capture.spans, (_, value) => (typeof value === 'bigint' ? String(value) : value)),
    ).not.toContain('no weather today');
  });

  test('that nobody handles stays an unhandled rejection of the caller’s promise', async () => {
    const { session } = await world.open();
    const busy = session.prompt('#slow');
    await next(session, 'message_start');
    const seen: unknown[] = [];
    const listeners = process.listeners('unhandledRejection');
    process.removeAllListeners('unhandledRejection');
    process.once('unhandledRejection', (error) => seen.push(error));
    void session.prompt('nobody awaits this');
    await busy;
    for (const listener of listeners) process.on('unhandledRejection', listener);
    expect(seen).toEqual([expect.objectContaining({ message: expect.stringMatching(/already processing/) })]);
  });
});
