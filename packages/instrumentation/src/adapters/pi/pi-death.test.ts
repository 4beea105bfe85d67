import { defineTool, type AgentSession } from '@earendil-works/pi-coding-agent';
import type { ModelServer } from '@turnkeeper/model-server';
import { openPi } from '@turnkeeper/model-server/pi';
import { describe } from 'vitest';
import { startMortalModels, testDeaths, type Death, type Life, type MortalModels } from '../../testing/death.ts';
import { pi } from './index.ts';

interface Opened extends MortalModels {
  readonly session: AgentSession;
}

interface Options {
  /** What the tool does before it answers. */
  readonly during?: (server: ModelServer) => Promise<unknown>;
  readonly maxRetries?: number;
}

/** A session, and the model server that it has: the engine itself runs in here. */
async function open(life: Life, { during, maxRetries = 0 }: Options = {}): Promise<Opened> {
  const { server, asked } = await startMortalModels(life);
  const weather = defineTool({
    name: 'weather',
    label: 'Weather',
    description: 'The weather',
    parameters: { type: 'object', properties: {} },
    execute: async () => {
      await during?.(server);
      return { content: [{ type: 'text', text: 'rain' }], details: undefined };
    },
  });
  const { session } = life.things.use(await openPi({ url: server.url, tools: [weather], maxRetries }));
  life.watch(pi, session, ({ runs, calls }) => runs.size + calls.size);
  return { session, server, asked };
}

/** What a program sees of a prompt: it resolves in any case, and the last message tells how it went. */
async function prompt({ converse }: Life, session: AgentSession, text: string): Promise<void> {
  await converse(() => session.prompt(text));
  const last = session.messages.findLast(({ role }) => role === 'assistant');
  if (!last || !('errorMessage' in last) || last.errorMessage === undefined) return;
  // Since 1.0 the cause comes after it, with a port.
  throw new Error(last.errorMessage.replace(/(?<=^(?:Connection error\.|terminated)): .*/, ''));
}

const sees = ['Error: Connection error.'];
const cutOff = 'invoke_agent pi [session conv-42] run.start (error provider_error)';
const lost = '  chat test-model (error provider_error)';

const deaths: readonly Death[] = [
  {
    phase: 'before its first turn',
    live: async (life) => {
      const { session, server } = await open(life);
      await life.kill(server.close);
      return [prompt(life, session, 'hello')];
    },
    sees,
    tree: [cutOff, lost],
  },
  {
    phase: 'before it answers',
    live: async (life) => {
      const { session, server, asked } = await open(life);
      const prompted = prompt(life, session, '#silent');
      prompted.catch(() => {});
      await asked;
      await life.kill(server.close);
      return [prompted];
    },
    sees,
    tree: [cutOff, lost],
  },
  {
    phase: 'while its answer streams',
    live: async (life) => {
      const { session, server } = await open(life);
      const streaming = new Promise<void>((resolve) =>
        session.subscribe(({ type }) => {
          if (type === 'message_update') resolve();
        }),
      );
      const prompted = prompt(life, session, '#never');
      prompted.catch(() => {});
      await streaming;
      await life.kill(server.close);
      return [prompted];
    },
    sees: ['Error: terminated'],
    tree: [cutOff, lost],
  },
  {
    phase: 'in a tool call',
    live: async (life) => {
      const { session } = await open(life, { during: ({ close }) => life.kill(close) });
      return [prompt(life, session, '#weather')];
    },
    sees,
    tree: [cutOff, '  chat test-model', '  execute_tool weather', lost],
  },
  {
    phase: 'before its first turn, which is tried again and again',
    live: async (life) => {
      const { session, server } = await open(life, { maxRetries: 1 });
      await life.kill(server.close);
      return [prompt(life, session, 'hello')];
    },
    sees,
    tree: [cutOff, lost, lost],
  },
  {
    phase: 'between two turns',
    live: async (life) => {
      const { session, server } = await open(life);
      await prompt(life, session, 'hello');
      await life.kill(server.close);
      return [prompt(life, session, 'thanks')];
    },
    sees,
    tree: [
      'invoke_agent pi [session conv-42] run.start',
      '  chat test-model',
      'invoke_agent pi [session conv-42] run.start -> previous turn (error provider_error)',
      lost,
    ],
  },
];

// Pi runs in the program's own process and asks nobody for permissions: what can die is the model's server.
describe('a model server that dies below Pi', () => {
  testDeaths(deaths, async (life) => {
    const { session } = await open(life);
    await prompt(life, session, '#weather');
  });
});
