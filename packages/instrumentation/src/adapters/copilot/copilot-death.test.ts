import { ChildProcess } from 'node:child_process';
import type { CopilotSession, SessionConfig, Tool } from '@github/copilot-sdk';
import { startModelServer, type ModelServer } from '@turnkeeper/model-server';
import { openCopilot, type OpenCopilot } from '@turnkeeper/model-server/copilot';
import { describe } from 'vitest';
import { testDeaths, type Death, type Life } from '../../testing/death.ts';
import { copilot } from './index.ts';

interface Opened extends OpenCopilot {
  readonly server: ModelServer;
  readonly runtime: ChildProcess;
}

/** What never comes. */
const never = new Promise<never>(() => {});

/** Waits until something has happened that is told by calling. */
interface Moment {
  readonly come: () => void;
  readonly reached: Promise<void>;
}

function moment(): Moment {
  const { promise: reached, resolve: come } = Promise.withResolvers<void>();
  return { come, reached };
}

/** A real runtime; the model answers by a marker. */
async function open({ watch, things }: Life): Promise<Opened> {
  const server = things.use(
    await startModelServer({
      script: async ({ messages, lastUserText }) => {
        if (messages.at(-1)?.role === 'tool') return 'done';
        if (lastUserText.includes('#silent')) return never;
        if (lastUserText.includes('#never')) return { text: 'one two', ending: 'never' };
        if (lastUserText.includes('#weather')) return { toolCalls: [{ name: 'weather', arguments: {} }] };
        return 'hello';
      },
    }),
  );
  const opened = things.use(await openCopilot({ url: server.url }));
  watch(copilot, opened.client, ({ sessions }) => [...sessions.values()].flatMap(({ turns }) => turns).length);
  const runtime: unknown = Reflect.get(opened.client, 'cliProcess');
  if (!(runtime instanceof ChildProcess)) throw new Error('the SDK keeps its process elsewhere');
  return { ...opened, server, runtime };
}

function weather(options: Partial<Tool>): Tool {
  const handler = (): Promise<string> => Promise.resolve('rain');
  return { name: 'weather', description: 'The weather', parameters: { type: 'object' }, handler, ...options };
}

function create({ client, config }: OpenCopilot, options: Partial<SessionConfig> = {}): Promise<CopilotSession> {
  return client.createSession({ ...config, sessionId: 'own-1', ...options });
}

/** Sends a message, kills the runtime at this moment, and gives the message. */
function during(text: string, options: (moment: Moment) => Partial<SessionConfig>): Death['live'] {
  return async (life) => {
    const now = moment();
    const opened = await open(life);
    const session = await create(opened, options(now));
    const sent = life.converse(() => session.sendAndWait(text));
    await now.reached;
    await life.kill(opened.runtime);
    return [sent];
  };
}

const closed = ['ConnectionError Error 1: Connection is closed.'];
/** The SDK tells nobody who waits for the end of a turn, until its own time is up. */
const unanswered = ['pending'];
const cutOff = 'invoke_agent copilot [session conv-42] run.start (error disconnected)';

const deaths: readonly Death[] = [
  {
    phase: 'before a session is made',
    live: async (life) => {
      const opened = await open(life);
      await life.kill(opened.runtime);
      return [life.converse(() => create(opened))];
    },
    sees: closed,
    tree: [],
  },
  {
    phase: 'after a session is made, before its first turn',
    live: async (life) => {
      const opened = await open(life);
      const session = await create(opened);
      await life.kill(opened.runtime);
      return [life.converse(() => session.sendAndWait('hello'))];
    },
    sees: closed,
    tree: [cutOff],
  },
  {
    phase: 'in a turn, before the model answers',
    // Once the client has been told of the call: that the model is asked may come before that.
    live: during('#silent', ({ come }) => ({
      onEvent: ({ type }: { readonly type: string }) => {
        if (type === 'model.call_start') come();
      },
    })),
    sees: unanswered,
    tree: [cutOff, '  chat test-model (error disconnected)'],
  },
  {
    phase: 'while a model answer streams',
    live: during('#never', ({ come }) => ({
      onEvent: ({ type }) => {
        if (type === 'assistant.message_delta') come();
      },
    })),
    sees: unanswered,
    tree: [cutOff, '  chat test-model (error disconnected)'],
  },
  {
    phase: 'in a tool call',
    live: during('#weather', ({ come }) => ({
      tools: [weather({ skipPermission: true, handler: () => (come(), never) })],
    })),
    sees: unanswered,
    tree: [cutOff, '  chat test-model', '  execute_tool weather (error disconnected)'],
  },
  {
    phase: 'while a permission is waited for',
    live: during('#weather', ({ come }) => ({ tools: [weather({})], onPermissionRequest: () => (come(), never) })),
    sees: unanswered,
    tree: [cutOff, '  chat test-model', '  execute_tool weather (error disconnected)'],
  },
  {
    phase: 'between two turns',
    live: async (life) => {
      const opened = await open(life);
      const session = await create(opened);
      await life.converse(() => session.sendAndWait('hello'));
      await life.kill(opened.runtime);
      return [life.converse(() => session.sendAndWait('thanks'))];
    },
    sees: closed,
    tree: [
      'invoke_agent copilot [session conv-42] run.start',
      '  chat test-model',
      'invoke_agent copilot [session conv-42] run.start -> previous turn (error disconnected)',
    ],
  },
];

describe('a runtime that is killed', () => {
  testDeaths(deaths, async (life) => {
    const opened = await open(life);
    const session = await create(opened, { tools: [weather({ skipPermission: true })] });
    await life.converse(() => session.sendAndWait('#weather'));
  });
});
