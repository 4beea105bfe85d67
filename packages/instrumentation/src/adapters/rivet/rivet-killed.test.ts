import { openRivet } from '@turnkeeper/model-server/rivet';
import type { SandboxAgent, Session } from 'sandbox-agent';
import { afterEach, beforeEach, describe, vi } from 'vitest';
import { openAgentLog, type AgentLog } from '../../testing/acp.ts';
import { testDeaths, type Death, type Life } from '../../testing/death.ts';
import { say } from '../../testing/rivet.ts';
import { rivet } from './index.ts';

// The SDK writes broken connections to the console.
beforeEach(() => void vi.spyOn(console, 'error').mockImplementation(() => {}));
afterEach(() => vi.restoreAllMocks());

/** What is killed: the daemon, or the agent's process below it. */
type Victim = 'daemon' | 'agent';

interface Opened {
  readonly client: SandboxAgent;
  readonly log: AgentLog;
  readonly create: () => Promise<Session>;
  readonly kill: (victim: Victim) => Promise<void>;
}

async function open(life: Life): Promise<Opened> {
  const log = life.things.use(await openAgentLog());
  const daemon = life.things.use(await openRivet({ env: log.env }));
  const client = await daemon.connect();
  life.watch(rivet, client, ({ turns }) => turns.size);
  return {
    client,
    log,
    create: () => client.createSession({ id: 'local-1', agent: 'cursor', cwd: daemon.cwd }),
    kill: async (victim) => {
      const told = victim === 'agent' ? heardExit(client) : undefined;
      await life.kill(victim === 'daemon' ? daemon.pid : await log.until('start'));
      await told;
    },
  };
}

/** The daemon tells the client that the agent is gone: a prompt that is sent before then is one that is cut off. */
function heardExit(client: SandboxAgent): Promise<void> {
  const connection = Reflect.get(client, 'liveConnections').get('cursor');
  const { handleEnvelope } = connection;
  return new Promise((resolve) => {
    connection.handleEnvelope = (envelope: unknown, ...rest: unknown[]) => {
      if (JSON.stringify(envelope).includes('agent_exited')) resolve();
      return handleEnvelope.call(connection, envelope, ...rest);
    };
  });
}

function prompt({ converse }: Life, session: Session, text: string): Promise<unknown> {
  return converse(() => session.prompt(say(text)));
}

/** The agent has said such a thing. */
function heard(session: Session, word: string): Promise<void> {
  return new Promise((resolve) =>
    session.onEvent(({ payload }) => {
      if (JSON.stringify(payload).includes(word)) resolve();
    }),
  );
}

type Far = (session: Session, log: AgentLog) => Promise<unknown>;

/** Prompts, kills when it has come this far, and gives the prompt. */
function during(victim: Victim, text: string, far: Far): Death['live'] {
  return async (life) => {
    const { create, log, kill } = await open(life);
    const session = await create();
    const reached = far(session, log);
    const prompted = prompt(life, session, text);
    prompted.catch(() => {});
    await reached;
    await kill(victim);
    return [prompted];
  };
}

const asked: Far = (session) => new Promise((resolve) => session.onPermissionRequest(() => resolve(undefined)));

/** Every call that the death leaves without an answer stays without one. */
const sees = ['pending'];

interface Signs {
  /** What a turn that is cut off, and one that comes after the death, has for its error. */
  readonly cut: string;
  readonly late: string;
  /** What the SDK lets nobody handle. */
  readonly cutRaises?: readonly string[];
  readonly lateRaises: readonly string[];
}

function deathsOf(victim: Victim, { cut, late, cutRaises = [], lateRaises }: Signs): readonly Death[] {
  const cutOff = `invoke_agent cursor [session conv-42] run.start (error ${cut})`;
  const tool = `  execute_tool execute (error ${cut})`;
  return [
    {
      phase: 'after a session is made, before its first turn',
      live: async (life) => {
        const { create, kill } = await open(life);
        const session = await create();
        await kill(victim);
        return [prompt(life, session, 'hello')];
      },
      sees,
      raises: lateRaises,
      tree: [`invoke_agent cursor [session conv-42] run.start (error ${late})`],
    },
    {
      phase: 'in a turn, before it says anything',
      live: during(victim, '#hang', (_session, log) => log.until('turn')),
      sees,
      raises: cutRaises,
      tree: [cutOff],
    },
    {
      phase: 'while an answer streams',
      live: during(victim, '#stall', (session) => heard(session, 'echo: ')),
      sees,
      raises: cutRaises,
      tree: [cutOff],
    },
    {
      phase: 'in a tool call',
      live: during(victim, '#tool #stuck', (session) => heard(session, 'in_progress')),
      sees,
      raises: cutRaises,
      tree: [cutOff, tool],
    },
    {
      phase: 'while a permission is waited for',
      live: during(victim, '#tool #permission', asked),
      sees,
      raises: cutRaises,
      tree: [cutOff, tool],
    },
    {
      phase: 'between two turns',
      live: async (life) => {
        const { create, kill } = await open(life);
        const session = await create();
        await prompt(life, session, '#tool');
        await kill(victim);
        return [prompt(life, session, 'thanks')];
      },
      sees,
      raises: lateRaises,
      tree: [
        'invoke_agent cursor [session conv-42] run.start',
        '  execute_tool execute',
        `invoke_agent cursor [session conv-42] run.start -> previous turn (error ${late})`,
      ],
    },
  ];
}

const next = async (life: Life): Promise<void> => {
  const { create } = await open(life);
  await prompt(life, await create(), '#tool');
};

const noServer = ['TypeError: fetch failed'];

describe('a daemon that is killed', () => {
  testDeaths(
    [
      {
        phase: 'before a session is made',
        live: async (life) => {
          const { create, kill } = await open(life);
          await kill('daemon');
          return [create()];
        },
        sees,
        tree: [],
      },
      ...deathsOf('daemon', { cut: 'network', late: 'network', cutRaises: noServer, lateRaises: noServer }),
    ],
    next,
  );
});

// Before a session is made there is no agent.
describe('an agent below the daemon that is killed', () => {
  const lateRaises = ['AcpHttpError: Stream Error'];
  testDeaths(deathsOf('agent', { cut: 'agent_process_exited', late: 'stream_error', lateRaises }), next);
});
