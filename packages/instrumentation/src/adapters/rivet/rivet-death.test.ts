import { setTimeout as wait } from 'node:timers/promises';
import '@turnkeeper/check/vitest';
import { startModelServer } from '@turnkeeper/model-server';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { rootsOf, say, startRivetWorld, type RivetWorld } from '../../testing/rivet.ts';

let world: RivetWorld;
/** The SDK lets the rejection of a broken connection go by. */
const ignore = (): void => {};
beforeEach(async () => {
  process.on('unhandledRejection', ignore);
  // The SDK writes broken connections to the console.
  vi.spyOn(console, 'error').mockImplementation(() => {});
  world = await startRivetWorld();
});
afterEach(async () => {
  await world[Symbol.asyncDispose]();
  vi.restoreAllMocks();
  process.off('unhandledRejection', ignore);
});

/** Whether a promise has settled by now. */
async function hasSettled(promise: Promise<unknown>): Promise<boolean> {
  const pending = Symbol('pending');
  return (await Promise.race([promise.catch(() => {}), wait(20, pending)])) !== pending;
}

describe('a turn ends with an error', () => {
  test('when its agent dies, though its prompt never settles', async () => {
    const { session } = await world.open('local-1');
    const prompted = session.prompt(say('#tool #die'));
    await rootsOf(world.tracing, 1);
    expect(world.tracing.capture.tree()).toMatchInlineSnapshot(`
      "invoke_agent cursor [session local-1] run.start (error agent_process_exited)
        execute_tool execute"
    `);
    expect(await hasSettled(prompted)).toBe(false);
    expect(world.tracing.capture).toPassChecks();
  });

  test('when the connection breaks: every turn on it, and no turn on another', async () => {
    const daemon = await world.start();
    const broken = await world.connect(daemon);
    const whole = await world.connect(daemon);
    const open = (observed: typeof broken, id: string) =>
      observed.client.createSession({ id, agent: 'cursor', cwd: daemon.cwd });
    const [a, b, c] = [await open(broken, 'a'), await open(broken, 'b'), await open(whole, 'c')];
    void a.prompt(say('#die'));
    void b.prompt(say('#hang'));
    await rootsOf(world.tracing, 2);
    await c.prompt(say('hello'));
    const roots = await rootsOf(world.tracing, 3);
    expect(
      Object.fromEntries(roots.map(({ attributes }) => [attributes['session.id'], attributes['error.type']])),
    ).toEqual({
      a: 'agent_process_exited',
      b: 'agent_process_exited',
      c: undefined,
    });
  });

  test('when its agent dies, and not the turn of another agent of the same client', { timeout: 30_000 }, async () => {
    await using server = await startModelServer();
    const daemon = await world.start({ url: server.url });
    const { client } = await world.connect(daemon);
    const open = (agent: string) => client.createSession({ id: agent, agent, cwd: daemon.cwd });
    const [cursor, pi] = [await open('cursor'), await open('pi')];
    const asked = Promise.withResolvers<void>();
    const dead = Promise.withResolvers<void>();
    server.script(async () => {
      asked.resolve();
      await dead.promise;
      return 'hello';
    });
    const answered = pi.prompt(say('hello'));
    await asked.promise;
    void cursor.prompt(say('#die'));
    await rootsOf(world.tracing, 1);
    dead.resolve();
    await answered;
    const roots = await rootsOf(world.tracing, 2);
    expect(roots.map(({ attributes }) => [attributes['session.id'], attributes['error.type']])).toEqual([
      ['pi', undefined],
      ['cursor', 'agent_process_exited'],
    ]);
  });

  test('of the protocol’s own code, which the caller gets as the SDK makes it', async () => {
    const { session } = await world.open('local-1');
    await expect(session.prompt(say('#fail'))).rejects.toMatchObject({ name: 'AcpRpcError', code: -32603 });
    const [root] = await rootsOf(world.tracing, 1);
    expect(root?.attributes['error.type']).toBe('-32603');
  });

  test('cancelled, when the session is destroyed meanwhile, and when the client is', { timeout: 20_000 }, async () => {
    const { session, client, daemon } = await world.open('local-1');
    const first = session.prompt(say('#wait'));
    await wait(100);
    await client.destroySession('local-1');
    await expect(first).resolves.toMatchObject({ stopReason: 'cancelled' });
    const other = await client.createSession({ id: 'local-2', agent: 'cursor', cwd: daemon.cwd });
    void other.prompt(say('#tool #hang'));
    await wait(100);
    void client.dispose();
    const roots = await rootsOf(world.tracing, 2);
    expect(roots.map(({ attributes }) => attributes['error.type'])).toEqual(['cancelled', 'cancelled']);
    expect(world.tracing.capture).toPassChecks();
  });

  test('when what somebody has put in the way throws at once', async () => {
    const { client } = await world.open('local-1');
    const refused = new RangeError('not now');
    const send = vi.spyOn(Object.getPrototypeOf(client), 'rawSendSessionMethod').mockImplementation(() => {
      throw refused;
    });
    expect(() => client.rawSendSessionMethod('local-1', 'session/prompt', { prompt: [] })).toThrow(refused);
    expect(send).toHaveBeenCalledOnce();
    const [root] = await rootsOf(world.tracing, 1);
    expect(root?.attributes).toMatchObject({ 'session.id': 'local-1', 'error.type': 'RangeError' });
  });

  test('when nothing could be sent: a turn that the user asked for is a turn', async () => {
    const { client, daemon } = await world.open('local-1');
    await expect(client.rawSendSessionMethod('no-such', 'session/prompt', { prompt: [] })).rejects.toThrow('not found');
    const [root] = await rootsOf(world.tracing, 1);
    expect(root?.attributes).toMatchObject({ 'session.id': 'no-such', 'error.type': 'Error' });
    expect(daemon.pid).toBeGreaterThan(0);
  });

  test('when nobody says anything any more: abandoned, at the last sign of life', async () => {
    const { session } = await world.open('local-1', { idleTimeoutMillis: 600 });
    void session.prompt(say('#tool #hang'));
    const [root] = await rootsOf(world.tracing, 1);
    expect(root?.attributes['error.type']).toBe('abandoned');
    const tool = world.tracing.capture.spans.find(({ name }) => name.startsWith('execute_tool'));
    expect(tool?.status).toBe('unset');
    expect(Number((root?.end ?? 0n) - (tool?.end ?? 0n)) / 1e6).toBeLessThan(600);
  });
});

describe('a permission', () => {
  test('that nobody gives in time keeps the turn open; once given, silence ends it again', async () => {
    const { session, client } = await world.open('local-1', { idleTimeoutMillis: 600 });
    const { transport } = Reflect.get(client, 'liveConnections').get('cursor').acp;
    // An agent that does not say that it goes on.
    const push = transport.processSseEvent;
    transport.processSseEvent = (chunk: string) =>
      chunk.includes('"in_progress"') || chunk.includes('"completed"') ? undefined : push.call(transport, chunk);
    const asked = Promise.withResolvers<string>();
    session.onPermissionRequest((request) => asked.resolve(request.id));
    const prompted = session.prompt(say('#tool #permission #hang'));
    prompted.catch(() => {});
    const request = await asked.promise;
    await wait(1_000);
    expect(world.tracing.capture.index.runs).toHaveLength(0);
    await client.respondPermission(request, 'once');
    const [root] = await rootsOf(world.tracing, 1);
    expect(root?.attributes['error.type']).toBe('abandoned');
  });
});

describe('a turn whose end is not fenced', () => {
  test('ends with its client, at once, as it was answered; tools that are open end with it', async () => {
    const { session, client } = await world.open('local-1');
    const { transport } = Reflect.get(client, 'liveConnections').get('cursor').acp;
    // A stream that breaks off in the middle of a tool call.
    const push = transport.processSseEvent;
    transport.processSseEvent = (chunk: string) =>
      chunk.includes('"pending"') ? push.call(transport, chunk) : undefined;
    await session.prompt(say('#tool'));
    expect(world.tracing.capture.index.runs).toHaveLength(0);
    void client.dispose();
    await rootsOf(world.tracing, 1, 500);
    expect(world.tracing.capture.tree()).toMatchInlineSnapshot(`
      "invoke_agent cursor [session local-1] run.start
        execute_tool execute"
    `);
  });

  test('ends when its time is up; after that, later turns keep what they say', async () => {
    const { session, client } = await world.open('local-1');
    const { transport } = Reflect.get(client, 'liveConnections').get('cursor').acp;
    // A daemon that sends responses once only.
    const push = transport.processSseEvent;
    transport.processSseEvent = (chunk: string) =>
      chunk.includes('"result"') ? undefined : push.call(transport, chunk);
    await session.prompt(say('#quicktool'));
    await rootsOf(world.tracing, 1);
    await session.prompt(say('#tool'));
    await session.prompt(say('#tool'));
    await rootsOf(world.tracing, 3);
    const { index } = world.tracing.capture;
    expect(index.runs.map(({ root }) => index.childrenOf(root).length)).toEqual([1, 1, 1]);
  });
});
