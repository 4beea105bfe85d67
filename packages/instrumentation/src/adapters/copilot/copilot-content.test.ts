import { afterEach, beforeEach, expect, test } from 'vitest';
import { researcher, startCopilotWorld, type CopilotWorld } from '../../testing/copilot.ts';

let world: CopilotWorld;
beforeEach(async () => {
  world = await startCopilotWorld();
});
afterEach(() => world[Symbol.asyncDispose]());

const content = (name: string) => {
  const attributes = world.tracing.capture.spans.find((span) => span.name === name)?.attributes ?? {};
  return Object.fromEntries(Object.entries(attributes).filter(([key]) => /\.(messages|arguments|result)$/.test(key)));
};

test('content is recorded where that is asked for: what is said, and what tools get and give', async () => {
  const { client, config } = await world.open({}, { content: 'all' });
  const session = await client.createSession({ ...config, customAgents: [researcher], sessionId: 'conv-42' });
  await session.sendAndWait({ prompt: '#delegate' });
  expect(content('invoke_agent copilot')).toEqual({
    'gen_ai.input.messages': '#delegate',
    'gen_ai.output.messages': 'rain for conv-42',
  });
  expect(content('execute_tool weather')).toEqual({
    'gen_ai.tool.call.arguments': '{"city":"Oslo"}',
    'gen_ai.tool.call.result': expect.stringContaining('rain for conv-42'),
  });
  expect(content('execute_tool task')).toEqual({
    'gen_ai.tool.call.arguments': expect.stringContaining('DELEGATED #weather'),
    'gen_ai.tool.call.result': expect.stringContaining('rain for conv-42'),
  });
});
