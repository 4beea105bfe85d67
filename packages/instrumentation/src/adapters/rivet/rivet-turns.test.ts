import { setTimeout as wait } from 'node:timers/promises';
import '@turnkeeper/check/vitest';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { currentSession, withSession } from '../../session/active-session.ts';
import { rootsOf, say, startRivetWorld, type RivetWorld } from '../../testing/rivet.ts';
import { CLOCKS_APART } from '../../testing/tracing.ts';

let world: RivetWorld;
beforeEach(async () => {
  world = await startRivetWorld();
});
afterEach(() => world[Symbol.asyncDispose]());

/** The provider's ids of the tool calls right below each run, in the order of the runs. */
function callsOfRuns(): unknown[] {
  const { index } = world.tracing.capture;
  return index.runs.map(({ root }) => index.childrenOf(root).map((span) => span.attributes['gen_ai.tool.call.id']));
}

test('a prompt that is sent by a listener of the one before is the next turn', async () => {
  const { session } = await world.open('local-1');
  let next: Promise<unknown> | undefined;
  session.onEvent(({ payload }) => {
    if ('result' in payload && JSON.stringify(payload.result).includes('stopReason'))
      next ??= session.prompt(say('next'));
  });
  await withSession('conv-42', () => session.prompt(say('hello')));
  await expect.poll(() => next).toBeDefined();
  await next;
  await rootsOf(world.tracing, 2);
  expect(world.tracing.capture).toHaveSession('conv-42', { turns: 2 });
  expect(world.tracing.capture).toPassChecks();
});

describe('what a turn says', () => {
  test('is its own in 200 quick prompts, though much of it comes after its answer', { timeout: 60_000 }, async () => {
    const { session } = await world.open('local-1', { content: 'all' });
    let late = 0;
    for (let turn = 1; turn <= 200; turn += 1) {
      await session.prompt(say('#quicktool #usage'));
      if (world.tracing.capture.index.runs.length < turn) late += 1;
    }
    const roots = await rootsOf(world.tracing, 200);
    // The scripted agent counts its calls: the n-th prompt makes call-n.
    expect(callsOfRuns()).toEqual(roots.map((_root, turn) => [`call-${turn + 1}`]));
    // The cost comes as the last update of each turn.
    expect(roots.filter((root) => root.attributes['turnkeeper.engine.session.cost'] === 0.25)).toHaveLength(200);
    expect(roots.filter((root) => root.status === 'error')).toEqual([]);
    // And the text in two pieces before it.
    const said = roots.map((root) => root.attributes['gen_ai.output.messages']);
    expect(said).toEqual(roots.map(() => 'echo: #quicktool #usage'));
    expect(world.tracing.capture).toHaveSession('local-1', { turns: 200 });
    expect(world.tracing.capture).toPassChecks({ except: ['no-content'] });
    // Else this test has not shown what it is here for.
    expect(late).toBeGreaterThan(0);
  });

  test('is its own in sessions that race each other on one connection', { timeout: 60_000 }, async () => {
    const daemon = await world.start();
    const { client } = await world.connect(daemon);
    const open = (at: number) => client.createSession({ id: `local-${at}`, agent: 'cursor', cwd: daemon.cwd });
    const sessions = await Promise.all([0, 1, 2, 3].map(open));
    await Promise.all(
      sessions.map(async (session) => {
        for (let turn = 0; turn < 25; turn += 1) await session.prompt(say('#quicktool'));
      }),
    );
    await rootsOf(world.tracing, 100);
    expect(callsOfRuns().flat()).toHaveLength(100);
    for (const calls of callsOfRuns()) expect(calls).toHaveLength(1);
    for (const at of [0, 1, 2, 3]) expect(world.tracing.capture).toHaveSession(`local-${at}`, { turns: 25 });
    expect(world.tracing.capture).toPassChecks();
  });

  test('is not lost where two prompts of a session are on their way at once, though nothing tells whose it is', async () => {
    // Their HTTP requests race, and no update names its prompt.
    const { session } = await world.open('local-1');
    for (let pair = 0; pair < 25; pair += 1) {
      await Promise.all([session.prompt(say('#quicktool one')), session.prompt(say('#quicktool two'))]);
    }
    const roots = await rootsOf(world.tracing, 50);
    expect(new Set(callsOfRuns().flat())).toEqual(new Set(roots.map((_root, turn) => `call-${turn + 1}`)));
    expect(callsOfRuns().flat()).toHaveLength(50);
    expect(world.tracing.capture).toPassChecks();
  });

  test('and does shows for as long as it takes', async () => {
    const { session, client } = await world.open('local-1');
    // It has begun by the time that it asks, and goes on when it may.
    session.onPermissionRequest(({ id }) => setTimeout(() => void client.respondPermission(id, 'once'), 30));
    await session.prompt(say('#tool #permission'));
    await rootsOf(world.tracing, 1);
    const tool = world.tracing.capture.spans.find(({ name }) => name === 'execute_tool execute');
    expect(Number((tool?.end ?? 0n) - (tool?.start ?? 0n)) / 1e6).toBeGreaterThanOrEqual(29);
  });

  test('lasts as long as its HTTP request, where its answer comes on the stream first, and is heard inside it', async () => {
    const { session, client } = await world.open('local-1');
    const { transport } = Reflect.get(client, 'liveConnections').get('cursor').acp;
    const held = Promise.withResolvers<void>();
    const { fetcher } = transport;
    transport.fetcher = async (url: string, init: RequestInit) => {
      const response = await fetcher(url, init);
      if (init.method === 'POST') await held.promise;
      return response;
    };
    const heard = new Set<string | undefined>();
    session.onEvent(({ sender }) => {
      if (sender === 'agent') heard.add(currentSession()?.id);
    });
    await withSession('conv-42', () => session.prompt(say('hello')));
    await wait(50);
    expect(world.tracing.capture.index.runs).toHaveLength(0);
    const released = Date.now();
    held.resolve();
    const [root] = await rootsOf(world.tracing, 1);
    expect(Number(root?.end) / 1e6).toBeGreaterThanOrEqual(released - CLOCKS_APART);
    expect([...heard]).toEqual(['conv-42']);
  });

  test('a tool’s failure is the tool’s, not the turn’s', async () => {
    const { session } = await world.open('local-1');
    await session.prompt(say('#badtool'));
    await rootsOf(world.tracing, 1);
    expect(world.tracing.capture.tree()).toMatchInlineSnapshot(`
      "invoke_agent cursor [session local-1] run.start
        execute_tool execute (error tool_error)"
    `);
  });
});

describe('a permission', () => {
  test('is a wait on the turn, asked in its tool, and answered by whoever listens', async () => {
    const { session, client } = await world.open('local-1');
    const seen: (string | undefined)[] = [];
    session.onPermissionRequest((request) => {
      seen.push(currentSession()?.id);
      world.tracing.tracer.startSpan('ask the user').end();
      setTimeout(() => void client.respondPermission(request.id, 'once'), 30);
    });
    await withSession('conv-42', () => session.prompt(say('#tool #permission')));
    const [root] = await rootsOf(world.tracing, 1);
    expect(seen).toEqual(['conv-42']);
    expect(root?.events).toMatchObject([
      { name: 'run.start' },
      { name: 'run.wait', attributes: { 'turnkeeper.wait.reason': 'permission' } },
    ]);
    expect(world.tracing.capture.tree()).toMatchInlineSnapshot(`
      "invoke_agent cursor [session conv-42] run.start
        execute_tool execute
          ask the user"
    `);
    expect(world.tracing.capture).toPassChecks();
  });
});
