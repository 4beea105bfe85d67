import { afterEach, expect, test } from 'vitest';
import { observe } from '../../observe.ts';
import { application, realFlame, startFlameWorld, type FlameWorld } from '../../testing/flame.ts';
import { flame } from './index.ts';

let world: FlameWorld;
afterEach(() => world[Symbol.asyncDispose]());

test.runIf(realFlame === undefined)('content is recorded where that is asked for, as text', async () => {
  world = await startFlameWorld({ isObserved: false });
  observe(flame, world.client, { content: 'all' });
  await world.open('conv-42');
  await world.watch(await world.create('conv-42', 'hello é'));
  const [root] = world.tracing.capture.spans.filter(({ name }) => name === `invoke_agent ${application}`);
  expect(root?.attributes).toMatchObject({
    'gen_ai.input.messages': 'hello é',
    'gen_ai.output.messages': 'echo: hello é',
  });
});
