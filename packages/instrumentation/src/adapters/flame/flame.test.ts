import { Client, credentials, Metadata } from '@grpc/grpc-js';
import { context, propagation, trace } from '@opentelemetry/api';
import '@turnkeeper/check/vitest';
import { afterEach, describe, expect, test } from 'vitest';
import { withSession } from '../../session/active-session.ts';
import { attachSession, SessionContext } from '../../session/session-context.ts';
import {
  application,
  called,
  connectFlame,
  realFlame,
  startFlameWorld,
  stretchWire,
  type FlameWorld,
  type FlameTask,
  type FlameWorldOptions,
  type FrontendClient,
  type Wire,
} from '../../testing/flame.ts';
import { TurnkeeperInstrumentation } from '../../instrumentation.ts';
import { observe } from '../../observe.ts';
import { CLOCKS_APART } from '../../testing/tracing.ts';
import { flame, type FlameNative } from './index.ts';
import { readTarget } from './native.ts';

let world: FlameWorld;
afterEach(() => world[Symbol.asyncDispose]());

async function start(options: FlameWorldOptions = {}): Promise<FlameWorld> {
  world = await startFlameWorld(options);
  return world;
}

/** Sessions of a real Flame outlive the test. */
const conversation = `conv-${process.pid}-${Date.now()}`;

const hello = { task: { session_id: conversation, input: Buffer.from('hello') } };

describe('a conversation', () => {
  test('of three tasks is three turns of the session', async () => {
    const { open, create, watch, tracing } = await start();
    await open(conversation);
    for (const text of ['hello', 'and then', 'thanks']) await watch(await create(conversation, text));
    expect(tracing.capture).toHaveSession(conversation, { turns: 3 });
    expect(tracing.capture).toPassChecks();
    const { root } = tracing.capture.index.runs[0]!;
    expect(root.kind).toBe('client');
    expect(root.name).toBe(`invoke_agent ${application}`);
    const target = readTarget(world.client.getChannel().getTarget());
    expect(root.attributes).toMatchObject({
      'turnkeeper.engine.name': 'flame',
      'turnkeeper.session.source': 'engine',
      'gen_ai.provider.name': 'flame',
      'server.address': target?.address,
      'server.port': target?.port,
    });
  });

  test('is on the platform’s id where there is one, and on that of a SessionContext on the client', async () => {
    const { open, create, watch, client, tracing } = await start();
    await open(conversation);
    await withSession('conv-42', async () => watch(await create(conversation, 'hello')));
    attachSession(client, new SessionContext({ sessionId: 'batch-001' }));
    await watch(await create(conversation, 'hello'));
    const roots = tracing.capture.index.runs.map(({ root }) => root.attributes);
    expect(roots.map((attributes) => attributes['session.id'])).toEqual(['conv-42', 'batch-001']);
    expect(roots.map((attributes) => attributes['turnkeeper.engine.session.id'])).toEqual([conversation, conversation]);
    expect(tracing.capture).toPassChecks();
  });

  test('beside others keeps its tasks apart, also where their ids are the same', async () => {
    const { open, create, watch, tracing } = await start();
    const names = ['a', 'b', 'c'].map((name) => `${conversation}-${name}`);
    await Promise.all(names.map((name) => open(name)));
    const tasks = await Promise.all(names.flatMap((name) => [create(name, 'one'), create(name, 'two')]));
    await Promise.all(tasks.map(watch));
    for (const name of names) expect(tracing.capture).toHaveSession(name, { turns: 2 });
    expect(tracing.capture).toPassChecks();
  });
});

describe('a task', () => {
  test.each([{ enums: String }, {}])('tells its states as events, read by number and by name', async (options) => {
    const { open, create, watch, tracing } = await start(options);
    await open(conversation);
    const states = await watch(await create(conversation, 'hello'));
    expect(states.at(-1)).toBe(options.enums ? 'Succeed' : '2');
    const events = tracing.capture.index.runs[0]!.root.events.map(({ name, attributes }) => [
      name,
      attributes['turnkeeper.run.state'],
    ]);
    expect(events.slice(0, 2)).toEqual([
      ['run.start', undefined],
      ['run.state', 'pending'],
    ]);
    expect(events.at(-1)).toEqual(['run.state', 'succeed']);
  });

  test.skipIf(realFlame).each([
    ['#fail', 'task_failed', 'failed'],
    ['#cancel', 'cancelled', 'cancelled'],
  ])('that ends otherwise (%s) says so', async (input, type, state) => {
    const { open, create, watch, tracing } = await start();
    await open(conversation);
    await watch(await create(conversation, input));
    const { root } = tracing.capture.index.runs[0]!;
    expect(root.attributes['error.type']).toBe(type);
    expect(root.events.at(-1)?.attributes['turnkeeper.run.state']).toBe(state);
    expect(tracing.capture).toPassChecks();
  });

  test('that is not accepted has the gRPC code for its error, and the caller its own', async () => {
    const { create, tracing } = await start();
    await expect(create(`${conversation}-none`, 'hello')).rejects.toMatchObject({ code: 5 });
    expect(tracing.capture.tree()).toBe(
      `invoke_agent flame [session ${conversation}-none] run.start (error NOT_FOUND)`,
    );
    expect(tracing.capture).toPassChecks();
  });

  test('whose creation is cancelled is cancelled', async () => {
    const { open, client, tracing } = await start();
    await open(conversation);
    const creation = called((reply) => client.CreateTask(hello, reply).cancel());
    await expect(creation).rejects.toMatchObject({ code: 1 });
    expect(tracing.capture.tree()).toBe(
      `invoke_agent ${application} [session ${conversation}] run.start (error cancelled)`,
    );
    expect(tracing.capture).toPassChecks();
  });

  test('that is asked after, not watched, ends with the answer', async () => {
    const { open, create, client, tracing } = await start({ enums: String });
    await open(conversation);
    const { metadata } = await create(conversation, 'hello');
    const request = { task_id: metadata.id, session_id: conversation };
    await expect
      .poll(async () => (await called<FlameTask>((reply) => client.GetTask(request, reply))).status.state, {
        timeout: 10_000,
      })
      .toBe('Succeed');
    expect(tracing.capture).toHaveSession(conversation, { turns: 1 });
    expect(tracing.capture.index.runs[0]?.root.status).not.toBe('error');
  });

  test.skipIf(realFlame)('whose watch is given up, or fails, ends so when nobody watches it again', async () => {
    const { open, create, client, tracing } = await start();
    await open(conversation);
    await untilFailure(watching(client, await create(conversation, '#never')), (stream) => stream.cancel());
    await untilFailure(watching(client, await create(conversation, '#never'), { deadline: Date.now() + 50 }));
    const failed = Date.now();
    await expect.poll(() => tracing.capture.index.runs).toHaveLength(2);
    const roots = tracing.capture.index.runs.map(({ root }) => root);
    expect(roots.map(({ attributes }) => attributes['error.type'])).toEqual(['cancelled', 'DEADLINE_EXCEEDED']);
    for (const { end } of roots) expect(Number(end / 1_000_000n)).toBeLessThanOrEqual(failed + CLOCKS_APART);
    expect(tracing.capture).toPassChecks();
  });

  test.skipIf(realFlame).each<[string, (client: FrontendClient) => unknown]>([
    ['client', (client) => client.close()],
    ['session', (client) => called((reply) => client.CloseSession({ session_id: conversation }, reply))],
  ])('whose watch is given up ends so at once when its %s is closed', async (_what, close) => {
    const { open, create, client, tracing } = await start();
    await open(conversation);
    await untilFailure(watching(client, await create(conversation, '#never')), (stream) => stream.cancel());
    await close(client);
    expect(tracing.capture.index.runs.map(({ root }) => root.attributes['error.type'])).toEqual(['cancelled']);
  });

  test.skipIf(realFlame).each<[string, number, () => object, (stream: FlameWatching, wire: Wire) => void]>([
    ['is given up', 1, () => ({}), (stream) => stream.cancel()],
    ['runs out of time', 4, () => ({ deadline: Date.now() + 50 }), () => {}],
    ['loses the frontend', 14, () => ({}), (_stream, wire) => wire.cut()],
  ])('whose watch %s, and that is watched again, ends as it does', async (_how, code, options, fail) => {
    const { open, server, tracing } = await start({ isObserved: false });
    await open(conversation);
    await using wire = await stretchWire(server!.endpoint);
    const client = connectFlame(wire.endpoint, String);
    const observation = observe(flame, client);
    const request = { task: { session_id: conversation, input: Buffer.from('#slow') } };
    const task = await called<FlameTask>((reply) => client.CreateTask(request, reply));
    const failure = untilFailure(watching(client, task, options()), (stream) => fail(stream, wire));
    await expect(failure).resolves.toMatchObject({ code });
    for await (const _state of watching(client, task));
    observation.stop();
    client.close();
    expect(tracing.capture).toHaveSession(conversation, { turns: 1 });
    const { root } = tracing.capture.index.runs[0]!;
    expect(root.attributes['error.type']).toBeUndefined();
    expect(root.events.at(-1)?.attributes['turnkeeper.run.state']).toBe('succeed');
    expect(tracing.capture).toPassChecks();
  });

  test('whose watch fails goes on while another watch is open, and where it is heard of again', async () => {
    const { client } = await start();
    const state = flame.start(client);
    const place = { session: conversation, task: '1' };
    const tell = (...natives: FlameNative[]): string[] =>
      natives.flatMap((native) => [...flame.translate(native, state)].map(({ type }) => type));
    const running = { session: conversation, id: '1', state: 'running' };
    tell(
      { kind: 'create', run: 'run-1', session: conversation },
      { kind: 'created', run: 'run-1', task: running },
      { kind: 'watch', ...place },
      { kind: 'watch', ...place },
    );
    const fail = (at: number): void => void tell({ kind: 'watch-over', ...place, at, failure: 'UNAVAILABLE' });
    const expire = (at: number): string[] => tell({ kind: 'watch-expired', ...place, at });
    fail(1);
    expect(expire(1)).toEqual([]);
    fail(2);
    tell({ kind: 'task', task: running });
    expect(expire(2)).toEqual([]);
    tell({ kind: 'watch', ...place });
    fail(3);
    tell({ kind: 'watch', ...place });
    fail(4);
    expect(expire(3)).toEqual([]);
    expect(expire(4)).toEqual(['run.end']);
    expect([state.runs.size, state.tasks.size]).toEqual([0, 0]);
  });

  test.skipIf(realFlame)('of a session that is closed ends with it', async () => {
    const { open, create, client, tracing } = await start();
    await open(conversation);
    await create(conversation, '#never');
    await called((reply) => client.CloseSession({ session_id: conversation }, reply));
    await expect(create(conversation, 'too late')).rejects.toMatchObject({ code: 3 });
    expect(tracing.capture.index.runs.map(({ root }) => root.attributes['error.type'])).toEqual([
      'session_closed',
      'INVALID_ARGUMENT',
    ]);
  });

  test.skipIf(realFlame)('runs the listeners of its stream in its turn', async () => {
    const { open, create, client, tracing } = await start();
    await open(conversation);
    // A quick task may be over, and its turn with it, before its first state is heard.
    const { metadata } = await create(conversation, '#slow');
    const stream = client.WatchTask({ task_id: metadata.id, session_id: conversation });
    const ended = new Promise((resolve) => stream.on('end', resolve));
    const seen: unknown[] = [];
    stream.on('data', () => void seen.push(trace.getSpanContext(context.active())?.traceId));
    await ended;
    expect(seen[0]).toBe(tracing.capture.index.runs[0]?.root.traceId);
    expect(seen[0]).toBeDefined();
    expect(tracing.capture).toPassChecks();
  });
});

describe('tasks that nobody asks after', () => {
  test('are forgotten, the oldest first, when there are very many', async () => {
    const { client } = await start();
    const state = flame.start(client);
    for (let number = 0; number < 10_003; number += 1) {
      const run = `run-${number}`;
      const task = { session: conversation, id: `task-${number}`, state: 'pending' };
      for (const native of [
        { kind: 'create', run, session: conversation },
        { kind: 'created', run, task },
      ] as const) {
        expect([...flame.translate(native, state)]).toHaveLength(1);
      }
    }
    expect([state.runs.size, state.tasks.size]).toEqual([10_000, 10_000]);
    expect(state.runs.has('run-2')).toBe(false);
    expect(state.runs.has('run-3')).toBe(true);
  });
});

describe('the trace context', () => {
  test.skipIf(realFlame)(
    'goes to the frontend with the task, and the instance’s work hangs below its turn',
    async () => {
      const { open, create, watch, server, tracing } = await start();
      await open(conversation);
      await withSession('conv-42', async () => watch(await create(conversation, 'hello')));
      const { root } = tracing.capture.index.runs[0]!;
      const { headers } = server!.requests.find(({ method }) => method === 'CreateTask')!;
      expect(headers['traceparent']).toBe(`00-${root.traceId}-${root.spanId}-01`);
      expect(headers['baggage']).toBe('session.id=conv-42');
      const below = tracing.capture.index.childrenOf(root);
      expect(below.map(({ name }) => name)).toEqual(['SELECT recommendation']);
      expect(below[0]?.attributes['session.id']).toBe('conv-42');
      expect(tracing.capture).toPassChecks();
    },
  );

  test.skipIf(realFlame)('leaves what the caller sends as it is, and the caller’s metadata untouched', async () => {
    const { open, create, server } = await start();
    await open(conversation);
    const metadata = new Metadata();
    metadata.set('x-mine', 'yes');
    metadata.set('traceparent', '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01');
    await create(conversation, 'hello', metadata);
    const { headers } = server!.requests.find(({ method }) => method === 'CreateTask')!;
    expect(headers).toMatchObject({
      'x-mine': 'yes',
      traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
    });
    expect(metadata.getMap()).not.toHaveProperty('baggage');
  });

  test.skipIf(realFlame)('is not there where no propagator is', async () => {
    const { open, create, server } = await start();
    propagation.disable();
    await open(conversation);
    await create(conversation, 'hello');
    expect(server!.requests.every(({ headers }) => headers['traceparent'] === undefined)).toBe(true);
  });
});

describe('a client', () => {
  test('is met by itself at its first call, whatever that is; clients of other services are not', async () => {
    const { client, open, create, watch, tracing } = await start({ isObserved: false });
    using _instrumented = instrument({ Client });
    await open(conversation);
    await watch(await create(conversation, 'hello'));
    const other = new Client('127.0.0.1:1', credentials.createInsecure());
    await called((reply) => {
      const bytes = (value: Buffer): Buffer => value;
      other.makeUnaryRequest('/other.Service/Call', bytes, bytes, Buffer.from(''), (error) =>
        reply(null, error ?? undefined),
      );
    });
    other.close();
    expect(tracing.capture).toHaveSession(conversation, { turns: 1 });
    expect(tracing.capture.index.runs[0]?.root.name).toBe(`invoke_agent ${application}`);
    expect(Object.getOwnPropertySymbols(other)).not.toContain(Symbol.for('turnkeeper.observed'));
    expect(Object.getOwnPropertySymbols(client)).toContain(Symbol.for('turnkeeper.observed'));
  });

  test('whose first call is a task has that turn too, in its caller’s session', async () => {
    const { open, client, tracing } = await start({ isObserved: false });
    await open(conversation);
    const second = connect(client);
    using _instrumented = instrument({ Client });
    await withSession('conv-42', async () => {
      const { metadata } = await called<FlameTask>((reply) => second.CreateTask(hello, reply));
      for await (const _state of second.WatchTask({ task_id: metadata.id, session_id: conversation }));
    });
    second.close();
    expect(tracing.capture.index.runs.map(({ root }) => root.attributes['session.id'])).toEqual(['conv-42']);
  });

  test('that is generated, and makes its requests itself, is observed the same', async () => {
    const { open, client, tracing } = await start({ isObserved: false });
    await open(conversation);
    const { CreateTask, GetTask } = Reflect.get(client.constructor, 'service');
    const plain = new Client(client.getChannel().getTarget(), credentials.createInsecure());
    using _instrumented = instrument({ Client });
    const call = (method: typeof CreateTask, request: object): Promise<FlameTask> =>
      called((reply) => {
        const { path, requestSerialize, responseDeserialize } = method;
        plain.makeUnaryRequest(path, requestSerialize, responseDeserialize, request, reply);
      });
    const { metadata } = await call(CreateTask, hello);
    const asked = { task_id: metadata.id, session_id: conversation };
    await expect.poll(async () => (await call(GetTask, asked)).status.state, { timeout: 10_000 }).toBe(2);
    plain.close();
    expect(tracing.capture).toHaveSession(conversation, { turns: 1 });
    expect(tracing.capture).toPassChecks();
  });

  test('is left as it was when the observation stops', async () => {
    const { client, observation, open, create } = await start();
    await open(conversation);
    observation?.stop();
    expect(Object.keys(client).filter((name) => /Task|Session|Request|check/.test(name))).toEqual([]);
    expect(Object.hasOwn(client, 'CreateTask')).toBe(false);
    await create(conversation, 'hello');
    expect(world.tracing.capture.spans.filter(({ name }) => name.startsWith('invoke_agent'))).toEqual([]);
  });
});

/** The instrumentation as a hook would use it: with the module's exports. */
function instrument(exports: object): Disposable {
  const instrumentation = new TurnkeeperInstrumentation({ engines: ['flame'] });
  for (const definition of instrumentation.getModuleDefinitions()) definition.patch?.(exports);
  return { [Symbol.dispose]: () => instrumentation.disable() };
}

/** Another client of the same frontend. */
function connect(client: FrontendClient): FrontendClient {
  return Reflect.construct(client.constructor, [client.getChannel().getTarget(), credentials.createInsecure()]);
}

type FlameWatching = ReturnType<FrontendClient['WatchTask']>;

function watching(client: FrontendClient, { metadata }: FlameTask, options: object = {}): FlameWatching {
  return client.WatchTask({ task_id: metadata.id, session_id: conversation }, options);
}

/** Reads a watch until it fails; with each state, this is done. */
function untilFailure(stream: FlameWatching, each: (stream: FlameWatching) => void = () => {}): Promise<unknown> {
  stream.on('data', () => each(stream));
  return new Promise((resolve) => stream.on('error', resolve));
}
