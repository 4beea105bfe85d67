import type { ChildProcess } from 'node:child_process';
import { agent as serve, client, type ClientContext } from '@agentclientprotocol/sdk';
import { describe, expect, test } from 'vitest';
import { observe } from '../../observe.ts';
import { withSession } from '../../session/active-session.ts';
import { openAgentLog, startAgent, type AgentLog } from '../../testing/acp.ts';
import { testDeaths, type Death, type Life } from '../../testing/death.ts';
import { say } from '../../testing/rivet.ts';
import { startTracing } from '../../testing/tracing.ts';
import { acp } from './index.ts';

interface Connected {
  readonly agent: ClientContext;
  readonly process: ChildProcess;
  readonly log: AgentLog;
  /** Waits until the agent has said such a thing. */
  readonly heard: (word: string) => Promise<void>;
  /** Waits until the agent has asked for a permission, which nobody gives. */
  readonly asked: Promise<void>;
}

/** A client of an agent that is a process of its own. */
async function connect({ watch, things }: Life): Promise<Connected> {
  const log = things.use(await openAgentLog());
  const running = things.use(startAgent({ log }));
  const asked = Promise.withResolvers<void>();
  const waiting: { readonly word: string; readonly resolve: () => void }[] = [];
  const app = client()
    .onRequest('session/request_permission', () => {
      asked.resolve();
      return new Promise(() => {});
    })
    .onNotification('session/update', ({ params }) => {
      const said = JSON.stringify(params.update);
      for (const { word, resolve } of waiting) if (said.includes(word)) resolve();
    });
  watch(acp, app, ({ turns }) => turns.size);
  const { agent } = app.connect(running.stream);
  await agent.request('initialize', { protocolVersion: 1 });
  const heard = (word: string): Promise<void> => new Promise((resolve) => waiting.push({ word, resolve }));
  return { agent, process: running.process, log, heard, asked: asked.promise };
}

async function open(agent: ClientContext): Promise<string> {
  return (await agent.request('session/new', { cwd: '/', mcpServers: [] })).sessionId;
}

function prompt({ converse }: Life, agent: ClientContext, sessionId: string, text: string): Promise<unknown> {
  return converse(() => agent.request('session/prompt', { sessionId, prompt: say(text) }));
}

/** Prompts, kills the agent when it has come this far, and gives the prompt. */
function during(text: string, far: (connected: Connected) => Promise<unknown>): Death['live'] {
  return async (life) => {
    const connected = await connect(life);
    const session = await open(connected.agent);
    const reached = far(connected);
    const prompted = prompt(life, connected.agent, session, text);
    await reached;
    await life.kill(connected.process);
    return [prompted];
  };
}

const closed = ['Error: ACP connection closed'];
const cutOff = 'invoke_agent scripted [session conv-42] run.start (error connection_closed)';

const deaths: readonly Death[] = [
  {
    phase: 'before a session is made',
    live: async (life) => {
      const { agent, process } = await connect(life);
      await life.kill(process);
      return [open(agent)];
    },
    sees: closed,
    tree: [],
  },
  {
    phase: 'after a session is made, before its first turn',
    live: async (life) => {
      const { agent, process } = await connect(life);
      const session = await open(agent);
      await life.kill(process);
      return [prompt(life, agent, session, 'hello')];
    },
    sees: closed,
    tree: [cutOff],
  },
  {
    phase: 'in a turn, before it says anything',
    live: during('#hang', ({ log }) => log.until('turn')),
    sees: closed,
    tree: [cutOff],
  },
  {
    phase: 'while an answer streams',
    live: during('#stall', ({ heard }) => heard('echo: ')),
    sees: closed,
    tree: [cutOff],
  },
  {
    phase: 'in a tool call',
    live: during('#tool #stuck', ({ heard, log }) => Promise.all([heard('in_progress'), log.until('tool')])),
    sees: closed,
    tree: [cutOff, '  execute_tool execute (error connection_closed)'],
  },
  {
    phase: 'while a permission is waited for',
    live: during('#tool #permission', ({ asked }) => asked),
    sees: closed,
    tree: [cutOff, '  execute_tool execute (error connection_closed)'],
  },
  {
    phase: 'between two turns',
    live: async (life) => {
      const { agent, process } = await connect(life);
      const session = await open(agent);
      await prompt(life, agent, session, '#tool');
      await life.kill(process);
      return [prompt(life, agent, session, 'thanks')];
    },
    sees: closed,
    tree: [
      'invoke_agent scripted [session conv-42] run.start',
      '  execute_tool execute',
      'invoke_agent scripted [session conv-42] run.start -> previous turn (error connection_closed)',
    ],
  },
];

describe('an agent’s process that is killed', () => {
  testDeaths(deaths, async (life) => {
    const { agent } = await connect(life);
    const session = await open(agent);
    await prompt(life, agent, session, 'hello');
  });
});

describe('an agent that lives, and never answers a turn', () => {
  test('has what it does in the next one there, once the first is given up', async () => {
    using tracing = startTracing();
    const working = serve({ name: 'forgetful' })
      .onRequest('initialize', () => ({ protocolVersion: 1 }))
      .onRequest('session/new', () => ({ sessionId: 'own-1' }))
      .onRequest('session/prompt', async ({ params, client: peer }) => {
        if (JSON.stringify(params.prompt).includes('#hang')) await new Promise(() => {});
        const call = { toolCallId: 'call-1', title: 'look', kind: 'read' as const, status: 'completed' as const };
        const { sessionId } = params;
        await peer.notify('session/update', { sessionId, update: { sessionUpdate: 'tool_call', ...call } });
        return { stopReason: 'end_turn' as const };
      });
    const app = client();
    const observation = observe(acp, app, { idleTimeoutMillis: 500 });
    const { agent: peer } = app.connect(working);
    await peer.request('initialize', { protocolVersion: 1 });
    const sessionId = await open(peer);
    const converse = (text: string) =>
      withSession('conv-42', () => peer.request('session/prompt', { sessionId, prompt: say(text) }));
    converse('#hang').catch(() => {});
    await expect.poll(() => tracing.capture.index.runs).toHaveLength(1);
    await converse('go on');
    observation.stop();
    expect(tracing.capture.tree()).toMatchInlineSnapshot(`
      "invoke_agent acp [session conv-42] run.start (error abandoned)
      invoke_agent acp [session conv-42] run.start -> previous turn
        execute_tool read"
    `);
  });
});
