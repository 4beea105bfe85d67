import { CopilotClient, RuntimeConnection } from '@github/copilot-sdk';
import { context, trace } from '@opentelemetry/api';
import '@turnkeeper/check/vitest';
import { refusal, type CopilotRuntimeOptions } from '@turnkeeper/model-server/copilot-runtime';
import type { JsonObject } from '@turnkeeper/model-server';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { observe } from '../../observe.ts';
import { attachSession, SessionContext } from '../../session/session-context.ts';
import { currentSession, withSession } from '../../session/active-session.ts';
import { startCloudWorld, until, type CloudWorld } from '../../testing/copilot.ts';
import { copilot } from './index.ts';

// Real processes, which share the machine with other tests.
vi.setConfig({ testTimeout: 30_000 });

let world: CloudWorld;
afterEach(() => world[Symbol.asyncDispose]());

async function start(options: CopilotRuntimeOptions = {}): Promise<CloudWorld> {
  world = await startCloudWorld(options);
  return world;
}

describe('a session of a runtime elsewhere', () => {
  test('that somebody else works on is traced in the context of who opened it here', async () => {
    const { client, config, runtime, tracing } = await start();
    await withSession('conv-42', () => client.resumeSession('shared', config));
    await runtime.play('shared', { prompt: 'from another client' });
    await until(() => tracing.capture.index.runs.length === 1);
    expect(tracing.capture).toHaveSession('conv-42', { turns: 1 });
    expect(tracing.capture).toPassChecks();
  });

  test('is on the id that is attached to it, else on the one that is attached to its client', async () => {
    const { client, config, tracing } = await start();
    const [session, other] = [await client.createSession(config), await client.createSession(config)];
    attachSession(client, new SessionContext({ sessionId: 'conv-client' }));
    attachSession(session, new SessionContext({ sessionId: 'conv-session' }));
    await session.sendAndWait('hello');
    await other.sendAndWait('hello');
    expect(tracing.capture).toHaveSession('conv-session', { turns: 1 });
    expect(tracing.capture).toHaveSession('conv-client', { turns: 1 });
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

  test('asks the program for a token in its own conversation, whoever has started the client', async () => {
    const ask = (id: unknown): Promise<unknown> =>
      world.runtime.ask('providerToken.getToken', { sessionId: String(id), providerName: 'default' });
    // Also before its session is made, whose name the SDK has chosen.
    const create = async ({ sessionId }: JsonObject): Promise<object> => {
      await ask(sessionId);
      return { sessionId };
    };
    const { config, runtime } = await start({ create });
    const client = new CopilotClient({ connection: RuntimeConnection.forUri(runtime.url) });
    observe(copilot, client);
    await withSession('conv-7', () => client.start());
    const seen: unknown[] = [];
    const bearerTokenProvider = async (): Promise<string> => {
      seen.push(currentSession()?.id);
      return 'secret';
    };
    const provider = { baseUrl: 'http://127.0.0.1/v1', bearerTokenProvider };
    const own = { ...config, model: 'test-model', provider };
    const { sessionId } = await withSession('conv-42', () => client.createSession(own));
    expect(await ask(sessionId)).toEqual({ token: 'secret' });
    expect(seen).toEqual(['conv-42', 'conv-42']);
    await client.forceStop();
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

  test('says where its runtime is', async () => {
    const { client, config, runtime, tracing } = await start();
    const session = await client.createSession(config);
    await session.sendAndWait('hello');
    const root = tracing.capture.index.runs[0]?.root;
    expect(root?.kind).toBe('client');
    const [host, port] = runtime.url.split(':');
    expect(root?.attributes).toMatchObject({ 'server.address': host, 'server.port': Number(port) });
  });

  test('of which only usage is told still has its model calls, back-dated', async () => {
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
