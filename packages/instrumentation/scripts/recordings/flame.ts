import { createRequire } from 'node:module';
import { setTimeout as wait } from 'node:timers/promises';
import { flame } from '../../src/adapters/flame/index.ts';
import { startFlameWorld, type FlameTask, type FlameWorld } from '../../src/testing/flame.ts';
import type { ScenarioRecorder } from '../record.ts';

const QUESTION = 'a question of the user’s';

/** Flame’s scenarios, over real gRPC, with the stand-in or with the frontend that FLAME_ENDPOINT names. */
export async function recordFlame(record: ScenarioRecorder): Promise<void> {
  const { version } = createRequire(import.meta.resolve('@grpc/grpc-js'))('../../package.json');
  const play = async (
    scenario: Parameters<ScenarioRecorder>[0],
    sessions: readonly string[],
    outcomes: readonly string[],
    run: (world: FlameWorld) => Promise<unknown>,
  ): Promise<void> => {
    await using world = await startFlameWorld({ isObserved: false });
    const header = { engine: '@grpc/grpc-js', version, sessions, outcomes, content: [QUESTION] };
    await record(scenario, header, flame, world.client, async () => {
      for (const session of new Set(sessions)) await world.open(session);
      await run(world);
    });
  };
  const ask = async ({ create, watch }: FlameWorld, session: string, input = QUESTION): Promise<unknown> =>
    watch(await create(session, input));

  await play('turn', ['own'], ['ok'], (world) => ask(world, 'own'));
  await play('conversation', ['own', 'own', 'own'], ['ok', 'ok', 'ok'], async (world) => {
    for (let turn = 0; turn < 3; turn++) await ask(world, 'own');
  });
  await play('failure', ['own'], ['task_failed'], (world) => ask(world, 'own', `${QUESTION} #fail`));
  await play('cancelled', ['own'], ['cancelled'], async ({ create, client }) => {
    const { metadata }: FlameTask = await create('own', `${QUESTION} #never`);
    const stream = client.WatchTask({ task_id: metadata.id, session_id: 'own' });
    const failed = new Promise((resolve) => stream.on('error', resolve));
    stream.on('data', () => stream.cancel());
    await failed;
    // The turn is over when nobody has watched it again for a while.
    await wait(6_000);
  });
  await play('side-by-side', ['own-1', 'own-2'], ['ok', 'ok'], async ({ create, watch }) => {
    const tasks = await Promise.all([create('own-1', QUESTION), create('own-2', QUESTION)]);
    await Promise.all(tasks.map(watch));
  });
}
