import { setTimeout as wait } from 'node:timers/promises';
import { defineTool } from '@earendil-works/pi-coding-agent';
import { AlwaysOffSampler } from '@opentelemetry/sdk-trace-base';
import '@turnkeeper/check/vitest';
import { openPi } from '@turnkeeper/model-server/pi';
import { afterEach, expect, test } from 'vitest';
import { attachTo } from '../../testing/attached.ts';
import { startPiWorld, type PiWorld } from '../../testing/pi.ts';
import { pi } from './index.ts';

let world: PiWorld;
afterEach(() => world[Symbol.asyncDispose]());

/** How long Pi may be silent, and what takes longer. Milliseconds. */
const idleTimeoutMillis = 1_000;
const PAUSE = 100;
const PAUSES = 16;

const answer = { content: [{ type: 'text' as const, text: 'rain' }], details: undefined };

/** Works for a while, and tells how far it is. `done` is called before it answers. */
const slowTool = (isTelling = true, done = (): void => {}) =>
  defineTool({
    name: 'weather',
    label: 'Weather',
    description: 'Takes its time',
    parameters: { type: 'object', properties: {} },
    execute: async (_id, _given, _signal, onUpdate) => {
      for (let pause = 0; pause < PAUSES; pause += 1) {
        await wait(PAUSE);
        if (isTelling) onUpdate?.(answer);
      }
      done();
      return answer;
    },
  });

test('a tool that tells how far it is keeps its turn alive', async () => {
  world = await startPiWorld();
  const { session } = await world.open({ tools: [slowTool()] }, { idleTimeoutMillis });
  await session.prompt('#weather');
  expect(world.tracing.capture.tree()).toMatchInlineSnapshot(`
    "invoke_agent pi [session pi-own] run.start
      chat test-model
      execute_tool weather
      chat test-model"
  `);
  expect(world.tracing.capture).toPassChecks();
});

test('a model that says a word now and then keeps its turn alive', async () => {
  world = await startPiWorld();
  const { session } = await world.open({}, { idleTimeoutMillis });
  const text = Array.from({ length: PAUSES }, () => 'word').join(' ');
  world.server.script([{ text, chunkDelayMs: PAUSE }]);
  await session.prompt('hello');
  expect(world.tracing.capture.tree()).toMatchInlineSnapshot(`
    "invoke_agent pi [session pi-own] run.start
      chat test-model"
  `);
  expect(world.tracing.capture).toPassChecks();
});

test.each([
  ['tells how far it is keeps', true, 1],
  ['says nothing does not keep', false, 0],
])('a tool that %s a turn alive that is not sampled', async (_what, isTelling, open) => {
  world = await startPiWorld({ sampler: new AlwaysOffSampler() });
  let size: number | undefined;
  const tool = slowTool(isTelling, () => (size = attached.size()));
  await using running = await openPi({ url: world.server.url, tools: [tool] });
  const attached = attachTo(pi, running.session, () => 0, { idleTimeoutMillis });
  await running.session.prompt('#weather');
  attached.stop();
  expect(size).toBe(open);
});
