import { Agent, MemorySession, Runner, tool } from '@openai/agents';
import type { ModelServer } from '@turnkeeper/model-server';
import { openOpenAIAgents } from '@turnkeeper/model-server/openai-agents';
import { describe } from 'vitest';
import { z } from 'zod';
import { startMortalModels, testDeaths, type Death, type Life, type MortalModels } from '../../testing/death.ts';
import { openaiAgents } from './index.ts';

interface Opened extends MortalModels {
  /** One turn, read to its end. */
  readonly turn: (text: string) => Promise<unknown>;
  readonly runner: Runner;
  readonly agent: Agent;
  readonly session: MemorySession;
}

interface Options {
  /** What the tool does before it answers. */
  readonly during?: (server: ModelServer) => Promise<unknown>;
  readonly needsApproval?: boolean;
}

/** A runner, and the model server that it has: the engine itself runs in here. */
async function open(life: Life, { during, needsApproval = false }: Options = {}): Promise<Opened> {
  const { server, asked } = await startMortalModels(life);
  const weather = tool({
    name: 'weather',
    description: 'The weather',
    parameters: z.object({}),
    needsApproval,
    execute: async () => {
      await during?.(server);
      return 'rain';
    },
  });
  const { provider } = openOpenAIAgents({ url: server.url });
  // A class of its own: what is watched here is watched nowhere else.
  class OwnRunner extends Runner {}
  life.watch(openaiAgents, OwnRunner, ({ runs }) => runs.size);
  const runner = new OwnRunner({ modelProvider: provider, model: 'test-model', tracingDisabled: true });
  const agent = new Agent({ name: 'Guide', tools: [weather] });
  const session = new MemorySession();
  const turn = (text: string): Promise<unknown> => life.converse(() => runner.run(agent, text, { session }));
  return { server, turn, runner, agent, session, asked };
}

const sees = ['APIConnectionError Error: Connection error.'];
const cutOff = 'invoke_agent Guide [session conv-42] run.start (error APIConnectionError)';
const cutOffNext = 'invoke_agent Guide [session conv-42] run.start -> previous turn (error APIConnectionError)';
const lost = '  chat test-model (error APIConnectionError)';
const [loaded, stored] = ['  session getItems', '  session addItems'];
const [answered, used] = ['  chat test-model', '  execute_tool weather'];

const deaths: readonly Death[] = [
  {
    phase: 'before its first turn',
    live: async (life) => {
      const { server, turn } = await open(life);
      await life.kill(server.close);
      return [turn('hello')];
    },
    sees,
    tree: [cutOff, loaded, lost],
  },
  {
    phase: 'before it answers',
    live: async (life) => {
      const { server, turn, asked } = await open(life);
      const running = turn('#silent');
      running.catch(() => {});
      await asked;
      await life.kill(server.close);
      return [running];
    },
    sees,
    tree: [cutOff, loaded, lost],
  },
  {
    phase: 'while its answer streams',
    live: async (life) => {
      const { server, runner, agent, session } = await open(life);
      const streaming = Promise.withResolvers<void>();
      const read = async (): Promise<void> => {
        const result = await runner.run(agent, '#never', { stream: true, session });
        for await (const event of result) {
          if (event.type === 'raw_model_stream_event' && event.data.type === 'output_text_delta') streaming.resolve();
        }
      };
      const running = life.converse(read);
      running.catch(() => {});
      await streaming.promise;
      await life.kill(server.close);
      return [running];
    },
    sees: ['TypeError: terminated'],
    tree: [
      'invoke_agent Guide [session conv-42] run.start (error TypeError)',
      loaded,
      '  chat test-model (error TypeError)',
      stored,
    ],
  },
  {
    phase: 'in a tool call',
    live: async (life) => {
      const { turn } = await open(life, { during: ({ close }) => life.kill(close) });
      return [turn('#weather')];
    },
    sees,
    tree: [cutOff, loaded, answered, used, lost],
  },
  {
    phase: 'while an approval is waited for',
    live: async (life) => {
      const { server, runner, agent, session } = await open(life, { needsApproval: true });
      const { interruptions, state } = await life.converse(() => runner.run(agent, '#weather', { session }));
      for (const interruption of interruptions) state.approve(interruption);
      await life.kill(server.close);
      return [life.converse(() => runner.run(agent, state, { session }))];
    },
    sees,
    tree: [
      'invoke_agent Guide [session conv-42] run.start',
      loaded,
      answered,
      stored,
      cutOffNext,
      used,
      loaded,
      stored,
      lost,
    ],
  },
  {
    phase: 'between two turns',
    live: async (life) => {
      const { server, turn } = await open(life);
      await turn('#weather');
      await life.kill(server.close);
      return [turn('thanks')];
    },
    sees,
    tree: [
      'invoke_agent Guide [session conv-42] run.start',
      loaded,
      answered,
      used,
      answered,
      stored,
      cutOffNext,
      loaded,
      lost,
    ],
  },
];

// The engine runs in the program's own process: what can die is the model's server.
describe('a model server that dies below OpenAI Agents', () => {
  testDeaths(deaths, async (life) => {
    const { turn } = await open(life);
    await turn('#weather');
  });
});
