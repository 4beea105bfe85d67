import type { ChildProcess } from 'node:child_process';
import { describe } from 'vitest';
import { testDeaths, type Death, type Life } from '../../testing/death.ts';
import { called, connectFlame, startFlameProcess, type FlameTask, type FrontendClient } from '../../testing/flame.ts';
import { flame } from './index.ts';

interface Connected {
  readonly client: FrontendClient;
  readonly process: ChildProcess;
}

/** A client of a frontend that is a process of its own. */
async function connect({ watch, things }: Life): Promise<Connected> {
  const { process, endpoint } = things.use(await startFlameProcess());
  const client = things.adopt(connectFlame(endpoint, String), (it) => it.close());
  await new Promise<void>((resolve, reject) =>
    client.waitForReady(Date.now() + 10_000, (error) => (error ? reject(error) : resolve())),
  );
  watch(flame, client, ({ runs, tasks }) => runs.size + tasks.size);
  return { client, process };
}

function open(client: FrontendClient): Promise<object> {
  return called((reply) => client.OpenSession({ session_id: 'own-1', session: { application: 'echo' } }, reply));
}

function create({ converse }: Life, client: FrontendClient, input: string): Promise<FlameTask> {
  const request = { task: { session_id: 'own-1', input: Buffer.from(input) } };
  return converse(() => called((reply) => client.CreateTask(request, reply)));
}

/** Watches a task to its end, and tells its states. */
async function watchTask(
  client: FrontendClient,
  { metadata }: FlameTask,
  tell?: (state: string) => void,
): Promise<void> {
  for await (const { status } of client.WatchTask({ task_id: metadata.id, session_id: 'own-1' })) {
    tell?.(String(status.state));
  }
}

const sees = ['Error 14: 14 UNAVAILABLE'];
const cutOff = 'invoke_agent echo [session conv-42] run.start (error UNAVAILABLE)';

const deaths: readonly Death[] = [
  {
    phase: 'before a session is made',
    live: async (life) => {
      const { client, process } = await connect(life);
      await life.kill(process);
      return [open(client)];
    },
    sees,
    tree: [],
  },
  {
    phase: 'after a session is made, before its first task',
    live: async (life) => {
      const { client, process } = await connect(life);
      await open(client);
      await life.kill(process);
      return [create(life, client, 'hello')];
    },
    sees,
    tree: [cutOff],
  },
  {
    phase: 'before a task is accepted',
    live: async (life) => {
      const { client, process } = await connect(life);
      await open(client);
      // It does nothing any more, so the task is never answered.
      process.kill('SIGSTOP');
      const created = create(life, client, 'hello');
      created.catch(() => {});
      await life.kill(process);
      return [created];
    },
    sees,
    tree: [cutOff],
  },
  {
    phase: 'while a task runs that is watched',
    live: async (life) => {
      const { client, process } = await connect(life);
      await open(client);
      const running = Promise.withResolvers<void>();
      const watched = watchTask(client, await create(life, client, '#never'), (state) => {
        if (state === 'Running') running.resolve();
      });
      watched.catch(() => {});
      await running.promise;
      await life.kill(process);
      return [watched];
    },
    sees,
    tree: [cutOff],
  },
  {
    phase: 'while a task runs that nobody watches',
    live: async (life) => {
      const { client, process } = await connect(life);
      await open(client);
      const { metadata } = await create(life, client, '#never');
      await life.kill(process);
      return [called((reply) => client.GetTask({ task_id: metadata.id, session_id: 'own-1' }, reply))];
    },
    sees,
    tree: ['invoke_agent echo [session conv-42] run.start (error abandoned)'],
    idleTimeoutMillis: 500,
  },
  {
    phase: 'between two tasks',
    live: async (life) => {
      const { client, process } = await connect(life);
      await open(client);
      await watchTask(client, await create(life, client, 'hello'));
      await life.kill(process);
      return [create(life, client, 'thanks')];
    },
    sees,
    tree: [
      'invoke_agent echo [session conv-42] run.start',
      'invoke_agent echo [session conv-42] run.start -> previous turn (error UNAVAILABLE)',
    ],
  },
];

// A task says nothing while it runs, has no tools that a client sees, and asks nobody for anything.
describe('a frontend that is killed', () => {
  testDeaths(deaths, async (life) => {
    const { client } = await connect(life);
    await open(client);
    await watchTask(client, await create(life, client, 'hello'));
  });
});
