import { context, trace } from '@opentelemetry/api';
import '@turnkeeper/check/vitest';
import { refusal, type CopilotRuntime, type CopilotRuntimeOptions } from '@turnkeeper/model-server/copilot-runtime';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { withSession } from '../../session/active-session.ts';
import { startCloudWorld, until, type CloudWorld } from '../../testing/copilot.ts';
import { CLOCKS_APART } from '../../testing/tracing.ts';

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

  test('is none where its creator asks for no cloud with null, as the SDK reads it', async () => {
    const create: CopilotRuntimeOptions['create'] = ({ sessionId }) => ({ sessionId, remoteUrl: url });
    const { client, config, runtime, tracing } = await start({ create });
    const session = await client.createSession(Object.assign({ ...config }, { cloud: null }));
    await session.sendAndWait('hello');
    const [host, port] = runtime.url.split(':');
    const place = { 'server.address': host, 'server.port': Number(port) };
    expect(tracing.capture.index.runs[0]?.root.attributes).toMatchObject(place);
  });

  test('keeps the times of its early events', async () => {
    const played: number[] = [];
    const { client, config, tracing } = await start({
      create: async (_params, runtime) => {
        played.push(Date.now());
        await runtime.play('cloud-1');
        played.push(Date.now());
        await new Promise((resolve) => setTimeout(resolve, 100));
        return { sessionId: 'cloud-1' };
      },
    });
    await client.createSession({ ...config, cloud: {} });
    const { start: began, end } = tracing.capture.index.runs[0]!.root;
    expect(Number(began / 1_000_000n)).toBeGreaterThanOrEqual(played[0]! - CLOCKS_APART);
    expect(Number(end / 1_000_000n)).toBeLessThanOrEqual(played[1]! + CLOCKS_APART);
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
