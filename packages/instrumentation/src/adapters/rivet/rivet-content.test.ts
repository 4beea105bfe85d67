import { afterEach, beforeEach, expect, test } from 'vitest';
import { rootsOf, say, startRivetWorld, type RivetWorld } from '../../testing/rivet.ts';

let world: RivetWorld;
beforeEach(async () => {
  world = await startRivetWorld();
});
afterEach(() => world[Symbol.asyncDispose]());

test('content is recorded where that is asked for: what is said, and what tools get and give', async () => {
  const { session } = await world.open('local-1', { content: 'all' });
  await session.prompt(say('#tool'));
  const [root] = await rootsOf(world.tracing, 1);
  expect(root?.attributes).toMatchObject({
    'gen_ai.input.messages': '[{"type":"text","text":"#tool"}]',
    'gen_ai.output.messages': 'echo: #tool',
  });
  const tool = world.tracing.capture.spans.find(({ name }) => name === 'execute_tool execute');
  expect(tool?.attributes).toMatchObject({
    'gen_ai.tool.call.arguments': '{"command":"ls /home/somebody"}',
    'gen_ai.tool.call.result': '{"files":["a","b"]}',
  });
});
