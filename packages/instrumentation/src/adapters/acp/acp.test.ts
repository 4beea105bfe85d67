import { randomUUID } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { inspect } from 'node:util';
import { client, RequestError, type ClientContext } from '@agentclientprotocol/sdk';
import { scriptedAgent } from '@turnkeeper/model-server/acp-agent';
import { captureFiles } from '@turnkeeper/check';
import '@turnkeeper/check/vitest';
import * as acp19 from 'acp-1-9';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { observe } from '../../observe.ts';
import { currentSession, withSession } from '../../session/active-session.ts';
import { startAgent } from '../../testing/acp.ts';
import { say } from '../../testing/rivet.ts';
import { startTracing, type Tracing } from '../../testing/tracing.ts';
import { acp } from './index.ts';

let tracing: Tracing;
beforeEach(() => {
  tracing = startTracing();
});
afterEach(() => tracing[Symbol.dispose]());

/** A client of the 2.x API that allows everything. */
function permissive() {
  return client().onRequest('session/request_permission', () => ({
    outcome: { outcome: 'selected' as const, optionId: 'yes' },
  }));
}

async function begin(agent: ClientContext): Promise<string> {
  await agent.request('initialize', { protocolVersion: 1 });
  return (await agent.request('session/new', { cwd: '/', mcpServers: [] })).sessionId;
}

const prompt = (agent: ClientContext, sessionId: string, text: string) =>
  agent.request('session/prompt', { sessionId, prompt: say(text) });

describe('a client of the 2.x API', () => {
  test('keeps three turns with a tool on the platform’s id, over a real process', async () => {
    await using running = startAgent();
    const app = permissive();
    observe(acp, app);
    await app.connectWith(running.stream, async (agent) => {
      const session = await begin(agent);
      for (const text of ['hello', '#tool', 'thanks']) await withSession('conv-42', () => prompt(agent, session, text));
    });
    expect(tracing.capture).toHaveSession('conv-42', { turns: 3 });
    expect(tracing.capture).toPassChecks();
    expect(tracing.capture.tree()).toMatchInlineSnapshot(`
      "invoke_agent scripted [session conv-42] run.start
      invoke_agent scripted [session conv-42] run.start -> previous turn
        execute_tool execute
      invoke_agent scripted [session conv-42] run.start -> previous turn"
    `);
  });

  test('falls back to the agent’s id, and tells what it reports', async () => {
    const app = permissive();
    observe(acp, app);
    const { agent } = app.connect(scriptedAgent());
    const session = await begin(agent);
    await prompt(agent, session, '#usage');
    expect(tracing.capture.spans[0]?.attributes).toEqual({
      'session.id': session,
      'gen_ai.conversation.id': session,
      'gen_ai.operation.name': 'invoke_agent',
      'gen_ai.agent.name': 'scripted',
      'gen_ai.provider.name': 'acp',
      'turnkeeper.engine.name': 'acp',
      'turnkeeper.session.source': 'engine',
      'turnkeeper.engine.session.cost': 0.25,
      'turnkeeper.engine.session.cost.currency': 'USD',
      'gen_ai.response.time_to_first_chunk': expect.any(Number),
      'gen_ai.usage.input_tokens': 130,
      'gen_ai.usage.cache_read.input_tokens': 30,
      'gen_ai.usage.output_tokens': 20,
      'gen_ai.usage.reasoning.output_tokens': 5,
    });
  });

  test('traces the SDK’s own sessions, with the text they read', async () => {
    const app = permissive();
    observe(acp, app);
    const { agent } = app.connect(scriptedAgent());
    await agent.request('initialize', { protocolVersion: 1 });
    const session = await agent.buildSession('/').start();
    const response = session.prompt('hello');
    await expect(session.readText()).resolves.toBe('echo: hello');
    await expect(response).resolves.toEqual({ stopReason: 'end_turn' });
    expect(tracing.capture).toHaveSession(session.sessionId, { turns: 1 });
  });

  test('runs what it is asked in the turn and the tool that ask, whoever connected', async () => {
    const seen: (string | undefined)[] = [];
    const app = client()
      .onRequest('session/request_permission', () => {
        seen.push(`permission in ${currentSession()?.id}`);
        tracing.tracer.startSpan('ask the user').end();
        return { outcome: { outcome: 'selected' as const, optionId: 'yes' } };
      })
      .onNotification('session/update', () => void seen.push(`update in ${currentSession()?.id}`));
    observe(acp, app);
    const { agent } = withSession('conv-connect', () => app.connect(scriptedAgent()));
    const session = await begin(agent);
    await withSession('conv-42', () => prompt(agent, session, '#tool #permission'));
    expect(new Set(seen)).toEqual(new Set(['permission in conv-42', 'update in conv-42']));
    expect(tracing.capture.tree()).toMatchInlineSnapshot(`
      "invoke_agent scripted [session conv-42] run.start
        execute_tool execute
          ask the user"
    `);
    expect(tracing.capture.index.runs[0]?.root.events).toMatchObject([
      { name: 'run.start' },
      { name: 'run.wait', attributes: { 'turnkeeper.wait.reason': 'permission' } },
    ]);
  });

  test('tells tool calls apart that the agent gives the same id', async () => {
    const app = client().onRequest('session/request_permission', () => {
      tracing.tracer.startSpan('ask the user').end();
      return { outcome: { outcome: 'selected' as const, optionId: 'yes' } };
    });
    observe(acp, app);
    const { agent } = app.connect(scriptedAgent());
    const session = await begin(agent);
    await withSession('conv-42', () => prompt(agent, session, '#tool #again #permission'));
    expect(tracing.capture.tree()).toMatchInlineSnapshot(`
      "invoke_agent scripted [session conv-42] run.start
        execute_tool execute
          ask the user
        execute_tool execute
          ask the user"
    `);
    const tools = tracing.capture.spans.filter(({ name }) => name === 'execute_tool execute');
    expect(tools.map(({ attributes }) => attributes['gen_ai.tool.call.id'])).toEqual(['call-1', 'call-1']);
    expect(tracing.capture).toPassChecks();
  });

  test.each([
    ['#permission', 'permission'],
    ['#question', 'answer'],
  ])('is in no hurry while a person is asked (%s)', async (how, reason) => {
    const app = client()
      .onRequest('session/request_permission', async () => {
        await ask();
        return { outcome: { outcome: 'selected' as const, optionId: 'yes' } };
      })
      .onRequest('elicitation/create', async () => {
        await ask();
        return { action: 'accept' as const, content: { folder: 'here' } };
      });
    const ask = async (): Promise<void> => {
      tracing.tracer.startSpan('ask the user').end();
      await wait(1_000);
    };
    observe(acp, app, { idleTimeoutMillis: 500 });
    const { agent } = app.connect(scriptedAgent());
    const session = await begin(agent);
    await prompt(agent, session, `#tool ${how}`);
    expect(tracing.capture.tree()).toBe(
      [`invoke_agent scripted [session ${session}] run.start`, '  execute_tool execute', '    ask the user'].join('\n'),
    );
    expect(tracing.capture.index.runs[0]?.root.events).toMatchObject([
      { name: 'run.start' },
      { name: 'run.wait', attributes: { 'turnkeeper.wait.reason': reason } },
    ]);
  });

  test('keeps sessions on one connection apart, prompted at the same time', async () => {
    const app = permissive();
    observe(acp, app);
    const { agent } = app.connect(scriptedAgent());
    const sessions = await Promise.all(['a', 'b', 'c'].map(() => begin(agent)));
    await Promise.all(sessions.map((session, at) => withSession(`conv-${at}`, () => prompt(agent, session, '#tool'))));
    for (const at of [0, 1, 2]) expect(tracing.capture).toHaveSession(`conv-${at}`, { turns: 1 });
    expect(tracing.capture.spans).toHaveLength(6);
    expect(tracing.capture).toPassChecks();
  });

  test('misplaces nothing in 200 quick prompts: all that a turn says comes before its answer', async () => {
    const app = permissive();
    observe(acp, app);
    const { agent } = app.connect(scriptedAgent());
    const session = await begin(agent);
    for (let turn = 0; turn < 200; turn += 1) await prompt(agent, session, turn % 2 === 0 ? 'hello' : '#quicktool');
    const { runs } = tracing.capture.index;
    expect(runs).toHaveLength(200);
    expect(runs.map(({ root }) => tracing.capture.index.childrenOf(root).length)).toEqual(
      runs.map((_run, turn) => turn % 2),
    );
  });
});

describe('how a turn ends', () => {
  test.each([
    ['#fail', '-32603'],
    ['#badtool', undefined],
  ])('%s: error.type %s', async (text, type) => {
    const app = permissive();
    observe(acp, app);
    const { agent } = app.connect(scriptedAgent());
    const session = await begin(agent);
    const outcome = await prompt(agent, session, text).catch((error: unknown) => error);
    expect(outcome instanceof RequestError).toBe(type !== undefined);
    expect(tracing.capture.index.runs[0]?.root.attributes['error.type']).toBe(type);
    expect(tracing.capture).toPassChecks();
  });

  test('cancelled by the session or by the request', async () => {
    const app = permissive();
    observe(acp, app);
    const { agent } = app.connect(scriptedAgent());
    const session = await begin(agent);
    const first = prompt(agent, session, '#wait');
    await wait(20);
    await agent.notify('session/cancel', { sessionId: session });
    await expect(first).resolves.toEqual({ stopReason: 'cancelled' });
    const given = new AbortController();
    const second = agent.request(
      'session/prompt',
      { sessionId: session, prompt: say('#hang') },
      { cancellationSignal: given.signal, stopWaitingOnCancel: true },
    );
    given.abort();
    await expect(second).rejects.toMatchObject({ code: -32800 });
    expect(tracing.capture.index.runs.map(({ root }) => root.attributes['error.type'])).toEqual([
      'cancelled',
      'cancelled',
    ]);
  });

  test('by the death of its agent: with an error, and with what the SDK says', async () => {
    await using running = startAgent();
    const app = permissive();
    observe(acp, app);
    const { agent } = app.connect(running.stream);
    const session = await begin(agent);
    const dying = withSession('conv-42', () => prompt(agent, session, '#tool #die'));
    await expect(dying).rejects.toThrow('ACP connection closed');
    expect(tracing.capture.tree()).toMatchInlineSnapshot(`
      "invoke_agent scripted [session conv-42] run.start (error connection_closed)
        execute_tool execute"
    `);
    expect(tracing.capture).toPassChecks();
  });

  test('by the death of its agent, and no turn with another agent of the same client', async () => {
    await using running = startAgent();
    const app = permissive();
    observe(acp, app);
    const [dying, living] = [app.connect(running.stream).agent, app.connect(scriptedAgent()).agent];
    const [first, second] = [await begin(dying), await begin(living)];
    const waiting = withSession('conv-43', () => prompt(living, second, '#wait'));
    await expect(withSession('conv-42', () => prompt(dying, first, '#die'))).rejects.toThrow('ACP connection closed');
    const ended = () => tracing.capture.index.runs.map(({ session, root }) => [session, root.attributes['error.type']]);
    expect(ended()).toEqual([['conv-42', 'connection_closed']]);
    await living.notify('session/cancel', { sessionId: second });
    await waiting;
    expect(ended()).toContainEqual(['conv-43', 'cancelled']);
  });

  test('when what somebody has put in the way of its sending throws at once', async () => {
    const app = permissive();
    observe(acp, app);
    const opened = app.connect(scriptedAgent());
    const session = await begin(opened.agent);
    const refused = new RangeError('not now');
    const send = vi.spyOn(Object.getPrototypeOf(Reflect.get(opened, 'connection')), 'sendRequest');
    send.mockImplementationOnce(() => {
      throw refused;
    });
    expect(() => prompt(opened.agent, session, 'hello')).toThrow(refused);
    send.mockRestore();
    expect(tracing.capture.tree()).toBe(`invoke_agent scripted [session ${session}] run.start (error RangeError)`);
  });

  test('with an error that nobody handles, which stays as quiet as the SDK wants it', async () => {
    const raised: unknown[] = [];
    const listener = (error: unknown): void => void raised.push(error);
    process.on('unhandledRejection', listener);
    const app = permissive();
    observe(acp, app);
    const { agent } = app.connect(scriptedAgent());
    const session = await begin(agent);
    void prompt(agent, session, '#fail');
    await expect.poll(() => tracing.capture.index.runs).toHaveLength(1);
    const connection = app.connect(scriptedAgent());
    void connection.agent.request('initialize', { protocolVersion: 1 });
    connection.close();
    await wait(20);
    process.off('unhandledRejection', listener);
    expect(raised).toEqual([]);
  });
});

describe('a client of the same API in 1.9', () => {
  test('is traced alike', async () => {
    await using running = startAgent();
    const app = acp19.client();
    observe(acp, app);
    await app.connectWith(running.stream, async (agent) => {
      await agent.request('initialize', { protocolVersion: 1 });
      const { sessionId } = await agent.request('session/new', { cwd: '/', mcpServers: [] });
      await withSession('conv-42', () => agent.request('session/prompt', { sessionId, prompt: say('#tool') }));
    });
    expect(tracing.capture.tree()).toMatchInlineSnapshot(`
      "invoke_agent scripted [session conv-42] run.start
        execute_tool execute"
    `);
  });
});

describe('observing', () => {
  test('ends with it: later connections are not traced, and open ones are as they were', async () => {
    const app = permissive();
    const observation = observe(acp, app);
    const { agent } = app.connect(scriptedAgent());
    const session = await begin(agent);
    await prompt(agent, session, 'hello');
    observation.stop();
    await prompt(agent, session, 'hello');
    const later = app.connect(scriptedAgent());
    await prompt(later.agent, await begin(later.agent), 'hello');
    expect(tracing.capture.spans).toHaveLength(1);
  });
});

describe('the context', () => {
  test('crosses in _meta with each prompt: an instrumented agent is in the right trace and session, each turn anew', async () => {
    const spans = join(tmpdir(), `turnkeeper-${randomUUID()}.jsonl`);
    await using running = startAgent({ spans });
    const app = permissive();
    observe(acp, app);
    await app.connectWith(running.stream, async (agent) => {
      const session = await begin(agent);
      await withSession('conv-42', () => prompt(agent, session, '#tool'));
      await withSession('conv-7', () => prompt(agent, session, '#tool'));
    });
    const inside = (await captureFiles([spans])).spans;
    const [first, second] = tracing.capture.index.runs.map(({ root }) => root);
    const turns = inside.filter(({ name }) => name === 'agent turn');
    expect(
      turns.map(({ traceId, parentSpanId, attributes }) => [traceId, parentSpanId, attributes['session.id']]),
    ).toEqual([
      [first?.traceId, first?.spanId, 'conv-42'],
      [second?.traceId, second?.spanId, 'conv-7'],
    ]);
    expect(inside.map(({ attributes }) => attributes['session.id'])).toEqual([
      'conv-42',
      'conv-42',
      'conv-7',
      'conv-7',
    ]);
    await rm(spans);
  });

  test('of the caller’s own stays what it is', async () => {
    const app = permissive();
    const said: unknown[] = [];
    app.onNotification('session/update', ({ params }) => void said.push(params.update));
    observe(acp, app);
    const { agent } = app.connect(scriptedAgent());
    const sessionId = await begin(agent);
    const _meta = { traceparent: '00-11111111111111111111111111111111-2222222222222222-01', mine: 1 };
    await agent.request('session/prompt', { sessionId, prompt: say('#meta'), _meta });
    expect(inspect(said)).toContain(JSON.stringify(_meta));
  });
});
