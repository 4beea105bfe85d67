import { CopilotClient, RuntimeConnection } from '@github/copilot-sdk';
import { context, trace } from '@opentelemetry/api';
import '@turnkeeper/check/vitest';
import { refusal, type CopilotRuntime, type CopilotRuntimeOptions } from '@turnkeeper/model-server/copilot-runtime';
import type { JsonObject } from '@turnkeeper/model-server';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { observe } from '../../observe.ts';
import { withSession } from '../../session/active-session.ts';
import { startCloudWorld, until, type CloudWorld } from '../../testing/copilot.ts';
import { copilot } from './index.ts';

const url = 'https://github.com/copilot/tasks/cloud-1?token=secret';

// Real processes, which share the machine with other tests.
vi.setConfig({ testTimeout: 30_000 });

let world: CloudWorld;
afterEach(() => world[Symbol.asyncDispose]());

async function start(options: CopilotRuntimeOptions = {}): Promise<CloudWorld> {
  world = await startCloudWorld(options);
  return world;
}

/** Answers a creation after a whole turn of the session that is being created. */
const early: CopilotRuntimeOptions = {
  create: async (_params, runtime) => {
    await runtime.play('cloud-1', { prompt: 'the task' });
    return { sessionId: 'cloud-1', remoteUrl: url };
  },
};

describe('a cloud session', () => {
  test('is traced from its first event, which the SDK drops, under the id that arrives', async () => {
    const { client, config, tracing } = await start(early);
    const seen: string[] = [];
    const session = await client.createSession({ ...config, cloud: {}, onEvent: ({ type }) => void seen.push(type) });
    expect(session.sessionId).toBe('cloud-1');
    expect(seen).toEqual([]);
    await session.sendAndWait('and now');
    expect(tracing.capture).toHaveSession('cloud-1', { turns: 2 });
    expect(tracing.capture).toPassChecks();
    expect(tracing.capture.tree()).toMatchInlineSnapshot(`
      "invoke_agent copilot [session cloud-1] run.start
        chat cloud-model
      invoke_agent copilot [session cloud-1] run.start -> previous turn
        chat cloud-model"
    `);
    expect(tracing.diagnostics).toEqual([]);
  });

  test('is on the platform’s id where its creator has one, also before it is known whose it is', async () => {
    const { client, config, tracing } = await start(early);
    const span = tracing.tracer.startSpan('POST /tasks');
    await context.with(trace.setSpan(context.active(), span), () =>
      withSession('conv-42', () => client.createSession({ ...config, cloud: {} })),
    );
    span.end();
    expect(tracing.capture).toHaveSession('conv-42', { turns: 1 });
    expect(tracing.capture.tree()).toMatchInlineSnapshot(`
      "POST /tasks [session conv-42]
        invoke_agent copilot run.start
          chat cloud-model"
    `);
    expect(tracing.capture.index.runs[0]?.root.attributes['turnkeeper.engine.session.id']).toBe('cloud-1');
  });

  test('carries its page, without what is secret in it, and is a client’s', async () => {
    const { client, config, tracing } = await start(early);
    await client.createSession({ ...config, cloud: {} });
    const root = tracing.capture.index.runs[0]?.root;
    expect(root?.kind).toBe('client');
    expect(root?.attributes).toMatchObject({
      'url.full': 'https://github.com/copilot/tasks/cloud-1',
      'server.address': 'github.com',
    });
  });

  test('keeps the times of its early events', async () => {
    const played: number[] = [];
    const { client, config, tracing } = await start({
      create: async (_params, runtime) => {
        played.push(Date.now());
        await runtime.play('cloud-1');
        played.push(Date.now());
        await new Promise((resolve) => setTimeout(resolve, 20));
        return { sessionId: 'cloud-1' };
      },
    });
    await client.createSession({ ...config, cloud: {} });
    const { start: began, end } = tracing.capture.index.runs[0]!.root;
    expect(Number(began / 1_000_000n)).toBeGreaterThanOrEqual(played[0]!);
    expect(Number(end / 1_000_000n)).toBeLessThanOrEqual(played[1]!);
  });

  test('with more than 128 early events loses the oldest, with one warning', async () => {
    const { client, config, tracing } = await start({
      create: async (_params, runtime) => {
        await runtime.play('cloud-1', { prompt: 'lost' });
        for (let turn = 0; turn < 40; turn += 1) await runtime.play('cloud-1', { prompt: `turn ${turn}` });
        return { sessionId: 'cloud-1' };
      },
    });
    await client.createSession({ ...config, cloud: {} });
    // A turn is nine events here: 128 are the last fourteen turns, and two that begin nothing.
    expect(tracing.capture).toHaveSession('cloud-1', { turns: 14 });
    expect(tracing.diagnostics.filter((line) => line.includes('128'))).toHaveLength(1);
    expect(tracing.capture).toPassChecks();
  });

  test('created beside another keeps its events apart from the other’s', async () => {
    const waiting: (() => void)[] = [];
    let created = 0;
    const { client, config, tracing } = await start({
      create: async (_params, runtime) => {
        const id = `cloud-${(created += 1)}`;
        await runtime.play(id, { prompt: id });
        await new Promise<void>((resolve) => waiting.push(resolve));
        return { sessionId: id };
      },
    });
    const one = withSession('conv-1', () => client.createSession({ ...config, cloud: {} }));
    await until(() => waiting.length === 1);
    const two = withSession('conv-2', () => client.createSession({ ...config, cloud: {} }));
    await until(() => waiting.length === 2);
    // The later one is answered first.
    waiting[1]!();
    await two;
    waiting[0]!();
    await one;
    const roots = tracing.capture.index.runs.map(({ root }) => [
      root.attributes['turnkeeper.engine.session.id'],
      root.attributes['session.id'],
    ]);
    expect(Object.fromEntries(roots)).toEqual({ 'cloud-1': 'conv-1', 'cloud-2': 'conv-2' });
    expect(tracing.capture).toPassChecks();
  });
});

describe('a request that comes before the answer to the creation', () => {
  test('is refused by the SDK, and not without a trace of it', async () => {
    const refusals: unknown[] = [];
    const { client, config, tracing } = await start({
      create: async (_params, runtime) => {
        await runtime.emit('cloud-1', 'user.message', { content: 'x', interactionId: 'i', delivery: 'idle' });
        await ask(runtime, refusals);
        await runtime.emit('cloud-1', 'session.idle', {});
        return { sessionId: 'cloud-1' };
      },
    });
    await client.createSession({
      ...config,
      cloud: {},
      onUserInputRequest: () => ({ answer: 'yes', wasFreeform: true }),
    });
    expect(refusals).toEqual([-32603]);
    expect(eventsOf(world)).toEqual(['run.start', 'run.wait answer', 'run.state request_refused answer']);
    expect(tracing.diagnostics).toEqual([
      'turnkeeper: copilot: the SDK refused a request (answer) before a session was created',
    ]);
    expect(tracing.capture).toPassChecks();
  });

  test('outlasts the events that are lost', async () => {
    const refusals: unknown[] = [];
    const { client, config } = await start({
      create: async (_params, runtime) => {
        await ask(runtime, refusals);
        for (let turn = 0; turn < 20; turn += 1) await runtime.play('cloud-1');
        return { sessionId: 'cloud-1' };
      },
    });
    await client.createSession({ ...config, cloud: {} });
    expect(refusals).toEqual([-32603]);
    expect(world.tracing.diagnostics.filter((line) => line.includes('refused'))).toHaveLength(1);
  });

  test('and one that comes after it runs in its turn', async () => {
    const { client, config, tracing, runtime } = await start({
      send: async ({ sessionId }, playing) => {
        await playing.emit(String(sessionId), 'user.message', { content: 'x', messageId: 'm', interactionId: 'i' });
        void playing
          .ask('userInput.request', { sessionId, question: 'really?' })
          .then(() => playing.emit(String(sessionId), 'session.idle', {}));
        return { messageId: 'm' };
      },
    });
    const session = await client.createSession({
      ...config,
      cloud: {},
      onUserInputRequest: () => {
        tracing.tracer.startSpan('SELECT answer').end();
        return { answer: 'yes', wasFreeform: true };
      },
    });
    await session.sendAndWait('go');
    expect(runtime.requests.map(({ method }) => method)).toContain('session.send');
    expect(tracing.capture.tree()).toMatchInlineSnapshot(`
      "invoke_agent copilot [session cloud-1] run.start
        SELECT answer"
    `);
    expect(eventsOf(world)).toEqual(['run.start', 'run.wait answer']);
  });
});

describe('a creation that fails', () => {
  test('ends what had begun, and the SDK’s error is the program’s', async () => {
    const { client, config, tracing } = await start({
      create: async (_params, runtime) => {
        await runtime.emit('cloud-1', 'user.message', { content: 'x', interactionId: 'i', delivery: 'idle' });
        await runtime.emit('cloud-1', 'model.call_start', { model: 'cloud-model' });
        throw refusal('no capacity');
      },
    });
    const creation = withSession('conv-42', () => client.createSession({ ...config, cloud: {} }));
    await expect(creation).rejects.toMatchObject({ code: -32603, message: expect.stringContaining('no capacity') });
    expect(tracing.capture.tree()).toMatchInlineSnapshot(`
      "invoke_agent copilot [session conv-42] run.start (error create_failed)
        chat cloud-model (error create_failed)"
    `);
    expect(tracing.capture).toPassChecks();
  });

  test('without any event leaves nothing', async () => {
    const { client, config, tracing } = await start({
      create: () => {
        throw refusal('no capacity');
      },
    });
    await expect(client.createSession({ ...config, cloud: {} })).rejects.toThrow('no capacity');
    expect(tracing.capture.spans).toEqual([]);
    expect(tracing.diagnostics).toEqual([]);
  });

  test('beside one that does not is never on the other’s id', async () => {
    let created = 0;
    const waiting: (() => void)[] = [];
    const { client, config, tracing } = await start({
      create: async (_params, runtime) => {
        const id = `cloud-${(created += 1)}`;
        await new Promise<void>((resolve) => waiting.push(resolve));
        await runtime.play(id);
        if (id === 'cloud-1') throw refusal('no capacity');
        return { sessionId: id };
      },
    });
    const one = withSession('conv-1', () => client.createSession({ ...config, cloud: {} }));
    await until(() => waiting.length === 1);
    const two = withSession('conv-2', () => client.createSession({ ...config, cloud: {} }));
    await until(() => waiting.length === 2);
    waiting[0]!();
    await expect(one).rejects.toThrow('no capacity');
    waiting[1]!();
    await two;
    const roots = tracing.capture.index.runs.map(({ root }) => String(root.attributes['session.id']));
    // Whose the events of the failed one were is open: they stay on the engine's id.
    expect(roots.toSorted()).toEqual(['cloud-1', 'conv-2']);
    expect(tracing.capture).toPassChecks();
  });
});

describe('the id', () => {
  test('of a caller that asks for a cloud goes to the runtime, whose refusal is the program’s', async () => {
    const { client, config, runtime } = await start({
      create: () => {
        throw refusal('Cannot specify sessionId when creating a remote session in the cloud.');
      },
    });
    const creation = client.createSession({ ...config, cloud: {}, sessionId: 'mine' });
    await expect(creation).rejects.toThrow('Cannot specify sessionId when creating a remote session in the cloud.');
    expect(runtime.requests.at(-1)?.params['sessionId']).toBe('mine');
    expect(world.tracing.capture.spans).toEqual([]);
  });

  test('that comes back as another is the SDK’s error, and ends what had begun under the caller’s', async () => {
    const { client, config, tracing } = await start({
      create: async (_params, runtime) => {
        await runtime.emit('mine', 'user.message', { content: 'x', interactionId: 'i', delivery: 'idle' });
        return { sessionId: 'other' };
      },
    });
    await expect(client.createSession({ ...config, sessionId: 'mine' })).rejects.toThrow(
      'session.create returned sessionId other but the caller requested mine',
    );
    expect(tracing.capture.tree()).toMatchInlineSnapshot(
      `"invoke_agent copilot [session mine] run.start (error create_failed)"`,
    );
  });
});

describe('a session', () => {
  test('that somebody else works on is traced in the context of who opened it here', async () => {
    const { client, config, runtime, tracing } = await start();
    await withSession('conv-42', () => client.resumeSession('shared', config));
    await runtime.play('shared', { prompt: 'from another client' });
    await until(() => tracing.capture.index.runs.length === 1);
    expect(tracing.capture).toHaveSession('conv-42', { turns: 1 });
    expect(tracing.capture).toPassChecks();
  });

  test('takes its turn’s trace context along, and its creator’s before', async () => {
    const { client, config, runtime, tracing } = await start();
    const request = tracing.tracer.startSpan('POST /tasks');
    const session = await context.with(trace.setSpan(context.active(), request), () => client.createSession(config));
    await session.sendAndWait('hello');
    const { root } = tracing.capture.index.runs[0]!;
    const sent = new Map(runtime.requests.map(({ method, params }) => [method, params]));
    const { traceId, spanId } = request.spanContext();
    expect(sent.get('session.create')?.['traceparent']).toBe(`00-${traceId}-${spanId}-01`);
    expect(sent.get('session.send')?.['traceparent']).toBe(`00-${root.traceId}-${root.spanId}-01`);
    expect(sent.get('session.send')).not.toHaveProperty('baggage');
  });

  test('that was opened under an observation that is over takes it along under the next', async () => {
    const { client, config, observation, runtime, tracing } = await start();
    const session = await client.createSession(config);
    observation.stop();
    observe(copilot, client);
    await session.sendAndWait('hello');
    const { root } = tracing.capture.index.runs[0]!;
    const sent = runtime.requests.find(({ method }) => method === 'session.send');
    expect(sent?.params['traceparent']).toBe(`00-${root.traceId}-${root.spanId}-01`);
  });

  test('with a source of trace contexts of the program’s own keeps it when the observation stops', async () => {
    const { client, config, observation } = await start();
    const own = (): object => ({});
    const [session, other] = [await client.createSession(config), await client.createSession(config)];
    Reflect.set(other, 'traceContextProvider', own);
    observation.stop();
    expect(Reflect.get(session, 'traceContextProvider')).toBeUndefined();
    expect(Reflect.get(other, 'traceContextProvider')).toBe(own);
  });

  test('whose runtime goes away ends with it', async () => {
    const { client, config, runtime, tracing } = await start({
      send: async ({ sessionId }, playing) => {
        await playing.emit(String(sessionId), 'user.message', { content: 'x', messageId: 'm', interactionId: 'i' });
        return { messageId: 'm' };
      },
    });
    const session = await client.createSession({ ...config, sessionId: 'own-1' });
    await session.send('go');
    runtime.hangUp();
    await until(() => tracing.capture.index.runs.length === 1);
    expect(tracing.capture.tree()).toMatchInlineSnapshot(
      `"invoke_agent copilot [session own-1] run.start (error disconnected)"`,
    );
  });

  test('that cannot be sent to says why on its run', async () => {
    const { client, config, tracing } = await start({
      send: () => {
        throw refusal('busy', -32001);
      },
    });
    const session = await client.createSession({ ...config, sessionId: 'own-1' });
    await expect(session.send('go')).rejects.toMatchObject({ code: -32001 });
    expect(tracing.capture.tree()).toMatchInlineSnapshot(
      `"invoke_agent copilot [session own-1] run.start (error -32001)"`,
    );
    expect(tracing.capture).toPassChecks();
  });

  test('that is to be steered too late begins a turn of the one who steered', async () => {
    const { client, config, tracing } = await start({
      send: ({ sessionId, prompt, mode }, playing) => {
        const [session, message] = [String(sessionId), String(prompt)];
        const data = { content: prompt, messageId: message, interactionId: message, delivery: 'queued' };
        setImmediate(() => {
          const begun = playing.emit(session, 'user.message', data);
          if (mode === 'immediate') void begun.then(() => playing.emit(session, 'session.idle', {}));
        });
        return { messageId: message };
      },
    });
    const session = await client.createSession({ ...config, sessionId: 'own-1' });
    const idle = new Promise<void>((resolve) => session.on('session.idle', () => resolve()));
    await withSession('conv-1', () => session.send('first'));
    await withSession('conv-2', () => session.send({ prompt: 'second', mode: 'immediate' }));
    await idle;
    expect(tracing.capture).toHaveSession('conv-1', { turns: 1 });
    expect(tracing.capture).toHaveSession('conv-2', { turns: 1 });
    expect(tracing.capture).toPassChecks();
  });

  test.each([true, false])(
    'whose sub-agent goes on after its tool’s end (%j: to its own) has it below the tool',
    async (isTold) => {
      const { client, config, tracing } = await start({
        send: ({ sessionId }, playing) => {
          const emit = (type: string, data: JsonObject, agent?: string) =>
            playing.emit(String(sessionId), type, data, agent);
          const play = async () => {
            await emit('user.message', { messageId: 'm', interactionId: 'i' });
            await emit('tool.execution_start', { toolCallId: 'task-1', toolName: 'task' });
            await emit('subagent.started', { toolCallId: 'task-1', agentName: 'researcher' }, 'agent-1');
            await emit('model.call_start', { model: 'cloud-model' }, 'agent-1');
            await emit('tool.execution_complete', { toolCallId: 'task-1', success: true });
            await emit('assistant.usage', { model: 'cloud-model', inputTokens: 7 }, 'agent-1');
            await emit('model.call_finished', { outcome: 'success' }, 'agent-1');
            if (isTold) await emit('subagent.completed', { toolCallId: 'task-1' }, 'agent-1');
            await emit('session.idle', {});
          };
          setImmediate(() => void play());
          return { messageId: 'm' };
        },
      });
      const session = await client.createSession({ ...config, sessionId: 'own-1' });
      await session.sendAndWait('go');
      expect(tracing.capture.tree()).toBe(
        [
          'invoke_agent copilot [session own-1] run.start',
          '  execute_tool task',
          '    invoke_agent researcher',
          '      chat cloud-model',
        ].join('\n'),
      );
      expect(tracing.capture).toPassChecks();
    },
  );

  test('of a runtime elsewhere says where', async () => {
    const { client, config, runtime, tracing } = await start();
    const session = await client.createSession(config);
    await session.sendAndWait('hello');
    const root = tracing.capture.index.runs[0]?.root;
    expect(root?.kind).toBe('client');
    const [host, port] = runtime.url.split(':');
    expect(root?.attributes).toMatchObject({ 'server.address': host, 'server.port': Number(port) });
  });

  test('of a runtime that tells of usage only still has its model calls, back-dated', async () => {
    const { client, config, tracing } = await start({
      send: async ({ sessionId }, playing) => {
        const id = String(sessionId);
        await playing.emit(id, 'assistant.usage', { model: 'old', inputTokens: 7, outputTokens: 3, duration: 40 });
        setImmediate(() => void playing.emit(id, 'session.idle', {}));
        return { messageId: 'm' };
      },
    });
    const session = await client.createSession({ ...config, sessionId: 'own-1' });
    await session.sendAndWait('go');
    const chat = tracing.capture.spans.find(({ name }) => name === 'chat old');
    expect(Number((chat!.end - chat!.start) / 1_000_000n)).toBeGreaterThanOrEqual(40);
    expect(chat?.attributes['gen_ai.usage.input_tokens']).toBe(7);
  });
});

describe('a client', () => {
  test('that starts while it is observed has its connection as it was when the observation stops', async () => {
    const { runtime } = await start();
    await using client = new CopilotClient({ connection: RuntimeConnection.forUri(runtime.url) });
    const sendRequest = (): unknown => Reflect.get(Object(Reflect.get(client, 'connection')), 'sendRequest');
    const observation = observe(copilot, client);
    await client.start();
    const observed = sendRequest();
    observation.stop();
    const own = sendRequest();
    expect(own).toBeTypeOf('function');
    expect(own).not.toBe(observed);
    observe(copilot, client).stop();
    expect(sendRequest()).toBe(own);
  });
});

async function ask(runtime: CopilotRuntime, refusals: unknown[]): Promise<void> {
  await runtime.ask('userInput.request', { sessionId: 'cloud-1', question: 'really?' }).catch((error: unknown) => {
    refusals.push(typeof error === 'object' && error !== null && 'code' in error ? error.code : error);
  });
}

function eventsOf({ tracing }: CloudWorld): string[] {
  return (tracing.capture.index.runs[0]?.root.events ?? []).map(({ name, attributes }) =>
    [
      name,
      attributes['turnkeeper.wait.reason'],
      attributes['turnkeeper.run.state'],
      attributes['turnkeeper.run.state.subject'],
    ]
      .filter((part) => typeof part === 'string')
      .join(' '),
  );
}
