import { agent as newAgent, client, type ClientContext } from '@agentclientprotocol/sdk';
import { scriptedAgent } from '@turnkeeper/model-server/acp-agent';
import '@turnkeeper/check/vitest';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { observe } from '../../observe.ts';
import { currentSession, withSession } from '../../session/active-session.ts';
import { attachSession, SessionContext } from '../../session/session-context.ts';
import { say } from '../../testing/rivet.ts';
import { startTracing, type Tracing } from '../../testing/tracing.ts';
import { acp } from './index.ts';

let tracing: Tracing;
beforeEach(() => {
  tracing = startTracing();
});
afterEach(() => tracing[Symbol.dispose]());

async function begin(agent: ClientContext): Promise<string> {
  await agent.request('initialize', { protocolVersion: 1 });
  return (await agent.request('session/new', { cwd: '/', mcpServers: [] })).sessionId;
}

const prompt = (agent: ClientContext, sessionId: string, text: string) =>
  agent.request('session/prompt', { sessionId, prompt: say(text) });

test('two agents of one client that call their sessions the same keep their turns apart', async () => {
  const app = client();
  observe(acp, app);
  const agents = ['a', 'b'].map(() => app.connect(scriptedAgent({ nameSession: () => 'session-1' })).agent);
  for (const agent of agents) expect(await begin(agent)).toBe('session-1');
  await Promise.all(agents.map((agent, at) => withSession(`conv-${at}`, () => prompt(agent, 'session-1', '#tool'))));
  expect(tracing.capture).toPassChecks();
  for (const { root } of tracing.capture.index.runs) {
    expect(tracing.capture.index.childrenOf(root).map(({ name }) => name)).toEqual(['execute_tool execute']);
  }
});

test('a SessionContext on the client is that of its turns', async () => {
  const app = client();
  attachSession(app, new SessionContext({ sessionId: 'attached-1' }));
  observe(acp, app);
  const { agent } = app.connect(scriptedAgent());
  const session = await begin(agent);
  await withSession('conv-42', () => prompt(agent, session, 'hello'));
  expect(tracing.capture).toHaveSession('attached-1', { turns: 1 });
});

test('what an agent says and asks outside of all turns is nobody’s, least of all whoever connected', async () => {
  const loading = newAgent({ name: 'loading' })
    .onRequest('initialize', () => ({ protocolVersion: 1, agentCapabilities: { loadSession: true } }))
    .onRequest('session/load', async ({ params: { sessionId }, client: asked }) => {
      const content = { type: 'text' as const, text: 'as it was' };
      await asked.notify('session/update', { sessionId, update: { sessionUpdate: 'agent_message_chunk', content } });
      const options = [{ optionId: 'yes', name: 'Yes', kind: 'allow_once' as const }];
      await asked.request('session/request_permission', { sessionId, toolCall: { toolCallId: 'call' }, options });
      return {};
    });
  const seen: string[] = [];
  const note = (what: string): void => {
    seen.push(`${what} in ${currentSession()?.id ?? 'nobody’s'}`);
    tracing.tracer.startSpan(what).end();
  };
  const app = client()
    .onNotification('session/update', () => note('update'))
    .onRequest('session/request_permission', () => {
      note('permission');
      return { outcome: { outcome: 'cancelled' as const } };
    });
  observe(acp, app);
  const { agent } = withSession('conv-connect', () => app.connect(loading));
  await agent.request('initialize', { protocolVersion: 1 });
  await agent.request('session/load', { sessionId: 'old', cwd: '/', mcpServers: [] });
  expect(seen.toSorted()).toEqual(['permission in nobody’s', 'update in nobody’s']);
});

test('what an agent says beside the protocol is its session’s turn’s, and nobody’s where it names none', async () => {
  const chatty = newAgent({ name: 'chatty' })
    .onRequest('initialize', () => ({ protocolVersion: 1 }))
    .onRequest('session/new', () => ({ sessionId: 'session-1' }))
    .onRequest('session/prompt', async ({ params: { sessionId }, client: asked }) => {
      for (const params of [{ sessionId }, {}]) {
        await asked.notify('_acme/note', params);
        await asked.request('_acme/ask', params);
      }
      return { stopReason: 'end_turn' as const };
    });
  const seen: string[] = [];
  const note = (what: string): object => {
    seen.push(`${what} in ${currentSession()?.id ?? 'nobody’s'}`);
    return {};
  };
  const params = { parse: (value: unknown): unknown => value };
  const app = client()
    .onNotification('_acme/note', params, () => void note('note'))
    .onRequest('_acme/ask', params, () => note('ask'));
  observe(acp, app);
  const { agent } = withSession('conv-connect', () => app.connect(chatty));
  const session = await begin(agent);
  await withSession('conv-42', () => prompt(agent, session, 'hello'));
  expect(seen).toEqual(['note in conv-42', 'ask in conv-42', 'note in nobody’s', 'ask in nobody’s']);
});
