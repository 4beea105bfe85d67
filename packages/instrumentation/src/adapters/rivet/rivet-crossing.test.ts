import { randomUUID } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { inspect } from 'node:util';
import { UndiciInstrumentation } from '@opentelemetry/instrumentation-undici';
import { captureFiles, captureRecords } from '@turnkeeper/check';
import '@turnkeeper/check/vitest';
import { InMemorySessionPersistDriver } from 'sandbox-agent';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { observe } from '../../observe.ts';
import { withSession } from '../../session/active-session.ts';
import { rootsOf, say, startRivetWorld, type RivetWorld } from '../../testing/rivet.ts';
import { acp } from '../acp/index.ts';

const agent = fileURLToPath(new URL('../../testing/instrumented-agent.ts', import.meta.url));

let world: RivetWorld;
beforeEach(async () => {
  world = await startRivetWorld();
});
afterEach(() => world[Symbol.asyncDispose]());

describe('the context of each prompt', () => {
  test('reaches the agent behind the daemon: right trace, right session, each turn anew', async () => {
    const spans = join(tmpdir(), `turnkeeper-${randomUUID()}.jsonl`);
    const daemon = await world.start({ agent, env: { AGENT_SPANS: spans } });
    const { client } = await world.connect(daemon);
    const open = (id: string) => client.createSession({ id, agent: 'cursor', cwd: daemon.cwd });
    const [a, b] = [await open('local-a'), await open('local-b')];
    await withSession('conv-42', () => a.prompt(say('#tool')));
    await withSession('conv-7', () => b.prompt(say('hello')));
    await withSession('conv-42', () => a.prompt(say('hello')));
    await rootsOf(world.tracing, 3);
    const inside = await captureFiles([spans]);
    const both = captureRecords({ spans: [...world.tracing.capture.spans, ...inside.spans], logs: [], metrics: [] });
    const [first, second, third] = world.tracing.capture.index.runs.map(({ root }) => root);
    const turns = inside.spans.filter(({ name }) => name === 'agent turn');
    expect(turns.map((span) => [both.index.parentOf(span), span.attributes['session.id']])).toEqual([
      [first, 'conv-42'],
      [second, 'conv-7'],
      [third, 'conv-42'],
    ]);
    expect(inside.spans.find(({ name }) => name === 'agent tool')?.attributes['session.id']).toBe('conv-42');
    expect(both).toKeepSessionsApart();
    expect(both).toPassChecks();
    await rm(spans);
  });

  test('is not persisted, not replayed to the model, and not in what a session is made with', async () => {
    const persist = new InMemorySessionPersistDriver();
    const daemon = await world.start();
    const { client } = await world.connect(daemon, { persist });
    const session = await client.createSession({ id: 'local-1', agent: 'cursor', cwd: daemon.cwd });
    const said: unknown[] = [];
    session.onEvent((event) => void said.push(event.payload));
    await withSession('conv-42', () => session.prompt(say('#meta')));
    await rootsOf(world.tracing, 1);
    // It was there: the agent repeats what it got.
    expect(inspect(said, { depth: 10 })).toContain('session.id=conv-42');

    const stored = await persist.listEvents({ sessionId: 'local-1' });
    const prompts = stored.items.filter(({ sender }) => sender === 'client');
    expect(prompts.length).toBeGreaterThan(0);
    expect(inspect(prompts, { depth: 10 })).not.toContain('_meta');
    expect(inspect(await persist.getSession('local-1'), { depth: 10 })).not.toContain('traceparent');

    await (await world.connect(daemon, { persist })).client.resumeSession('local-1');
    said.length = 0;
    const resumed = await (await world.connect(daemon, { persist })).client.resumeSession('local-1');
    resumed.onEvent((event) => void said.push(event.payload));
    await withSession('conv-42', () => resumed.prompt(say('#prompt')));
    const [, second] = await rootsOf(world.tracing, 2);
    const replayed = inspect(said, { depth: 10, maxStringLength: null });
    expect(replayed).toContain('Previous session history is replayed below');
    expect(replayed).not.toContain(String(second?.traceId));
  });

  test('leaves a trace context that the caller sends of its own', async () => {
    const { session } = await world.open('local-1');
    const said: unknown[] = [];
    session.onEvent((event) => void said.push(event.payload));
    const _meta = { traceparent: '00-11111111111111111111111111111111-2222222222222222-01' };
    await session.rawSend('session/prompt', { prompt: say('#meta'), _meta });
    await rootsOf(world.tracing, 1);
    expect(inspect(said, { depth: 10 })).toContain(JSON.stringify(_meta));
  });
});

describe('HTTP spans', () => {
  test('of a prompt are below its turn, and of a shared connection below none', async () => {
    const undici = new UndiciInstrumentation();
    undici.setTracerProvider(world.tracing.provider);
    undici.enable();
    const { session, client, daemon } = await world.open('local-a');
    const other = await client.createSession({ id: 'local-b', agent: 'cursor', cwd: daemon.cwd });
    await Promise.all([
      withSession('conv-a', () => session.prompt(say('#tool'))),
      withSession('conv-b', () => other.prompt(say('#tool'))),
    ]);
    await rootsOf(world.tracing, 2);
    // A request may end after the turn that it was made for.
    const posts = await vi.waitUntil(() => {
      const found = world.tracing.capture.spans.filter(
        ({ name, attributes }) => name === 'POST' && attributes['session.id'] !== undefined,
      );
      return found.length >= 2 && found;
    });
    undici.disable();
    const { index } = world.tracing.capture;
    expect(posts.map((span) => [index.parentOf(span)?.name, span.attributes['session.id']])).toEqual([
      ['invoke_agent cursor', 'conv-a'],
      ['invoke_agent cursor', 'conv-b'],
    ]);
    expect(world.tracing.capture).toKeepSessionsApart();
  });
});

describe('with the SDK of the protocol observed as well', () => {
  test('there is one set of spans, not two, and the turns keep what is theirs', async () => {
    const { session, client } = await world.open('local-1');
    const said: unknown[] = [];
    session.onEvent((event) => void said.push(event.payload));
    // The copy that Rivet's client works with.
    const { connection } = Reflect.get(client, 'liveConnections').get('cursor').acp;
    const { runs } = observe(acp, connection);
    await withSession('conv-42', () => session.prompt(say('#tool')));
    await withSession('conv-42', () => session.prompt(say('#meta')));
    await expect(session.prompt(say('#fail'))).rejects.toMatchObject({ code: -32603 });
    for (let turn = 4; turn <= 50; turn += 1) await session.prompt(say('#quicktool'));
    const roots = await rootsOf(world.tracing, 50);
    expect(runs()).toEqual([]);
    const { index, spans } = world.tracing.capture;
    expect(roots.slice(3).map((root) => index.childrenOf(root).length)).toEqual(roots.slice(3).map(() => 1));
    expect(spans).toHaveLength(50 + 1 + 47);
    expect(inspect(said, { depth: 10 })).toContain(`00-${roots[1]?.traceId}-${roots[1]?.spanId}-01`);
    // That copy hides its connection from whoever observes it alone.
    expect(world.tracing.diagnostics).toEqual([]);
  });
});
