import { setTimeout as wait } from 'node:timers/promises';
import { agent as serve, client, type AgentContext } from '@agentclientprotocol/sdk';
import '@turnkeeper/check/vitest';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { observe } from '../../observe.ts';
import { withSession } from '../../session/active-session.ts';
import { say } from '../../testing/rivet.ts';
import { startTracing, type Tracing } from '../../testing/tracing.ts';
import { acp } from './index.ts';

let tracing: Tracing;
beforeEach(() => {
  tracing = startTracing();
});
afterEach(() => tracing[Symbol.dispose]());

const never = new Promise<never>(() => {});
const ended = (): unknown[] => tracing.capture.index.runs.map(({ root }) => root.attributes['error.type']);

/** Prompts an agent that works so on its prompt, and asks a person who takes so long. Milliseconds. */
async function prompt(work: (peer: AgentContext) => Promise<void>, thinking: number): Promise<unknown> {
  const working = serve({ name: 'asking' })
    .onRequest('initialize', () => ({ protocolVersion: 1 }))
    .onRequest('session/new', () => ({ sessionId: 'own-1' }))
    .onRequest('session/prompt', async ({ client: peer }) => {
      await work(peer);
      return { stopReason: 'end_turn' as const };
    });
  const app = client().onRequest('session/request_permission', async () => {
    await wait(thinking);
    return { outcome: { outcome: 'selected' as const, optionId: 'yes' } };
  });
  observe(acp, app, { idleTimeoutMillis: 1_000 });
  const { agent } = app.connect(working);
  await agent.request('initialize', { protocolVersion: 1 });
  const { sessionId } = await agent.request('session/new', { cwd: '/', mcpServers: [] });
  return withSession('conv-42', () => agent.request('session/prompt', { sessionId, prompt: say('go') }));
}

const sessionId = 'own-1';
const options = [{ optionId: 'yes', name: 'Yes', kind: 'allow_once' as const }];
const ask = (peer: AgentContext): Promise<unknown> =>
  peer.request('session/request_permission', { sessionId, toolCall: { toolCallId: 'c1' }, options });
const call = (peer: AgentContext, toolCallId: string): Promise<void> =>
  peer.notify('session/update', {
    sessionId,
    update: { sessionUpdate: 'tool_call', toolCallId, title: 'x', kind: 'execute', status: 'pending' },
  });
const complete = (peer: AgentContext, toolCallId: string): Promise<void> =>
  peer.notify('session/update', {
    sessionId,
    update: { sessionUpdate: 'tool_call_update', toolCallId, status: 'completed' },
  });

describe('a permission', () => {
  test('that a person thinks about is waited for, whatever else goes on meanwhile', async () => {
    await prompt(async (peer) => {
      for (const id of ['c1', 'c2']) await call(peer, id);
      const asked = ask(peer);
      await wait(20);
      await complete(peer, 'c2');
      await asked;
      await complete(peer, 'c1');
    }, 2_500);
    expect(ended()).toEqual([undefined]);
    expect(tracing.capture).toPassChecks();
  });

  test('that is given is waited for no more: silence ends the turn again', async () => {
    prompt(async (peer) => {
      await ask(peer);
      await never;
    }, 0).catch(() => {});
    await expect.poll(ended, { timeout: 5_000 }).toEqual(['abandoned']);
  });
});
