import { afterEach, beforeEach, expect, test } from 'vitest';
import { startPiWorld, type PiWorld } from '../../testing/pi.ts';

let world: PiWorld;
beforeEach(async () => {
  world = await startPiWorld();
});
afterEach(() => world[Symbol.asyncDispose]());

const attributes = (name: string) => world.tracing.capture.spans.find((span) => span.name === name)?.attributes;

const session = { 'session.id': 'pi-own' };
const conversation = { ...session, 'gen_ai.conversation.id': 'pi-own' };
const usage = (calls: number) => ({
  'gen_ai.usage.input_tokens': 100 * calls,
  'gen_ai.usage.output_tokens': 20 * calls,
  'gen_ai.usage.cache_read.input_tokens': 0,
  'gen_ai.usage.cache_creation.input_tokens': 0,
  'gen_ai.usage.reasoning.output_tokens': 0,
});
const call = { type: 'toolCall', id: 'call_1|fc_1', name: 'weather', arguments: { city: 'Oslo' } };
const rain = { type: 'text', text: 'rain for pi-own' };

test('a turn, its model calls and its tools say all that Pi tells of them, and content where it is asked for', async () => {
  const pilot = await world.open({ api: 'openai-responses' }, { content: 'all' });
  await pilot.session.prompt('#weather');
  expect(attributes('invoke_agent pi')).toEqual({
    ...conversation,
    ...usage(2),
    'gen_ai.operation.name': 'invoke_agent',
    'gen_ai.agent.name': 'pi',
    'gen_ai.provider.name': 'loopback',
    'gen_ai.input.messages': '#weather',
    'gen_ai.output.messages': expect.stringContaining(rain.text),
    'turnkeeper.engine.name': 'pi',
    'turnkeeper.session.source': 'engine',
  });
  expect(attributes('chat test-model')).toEqual({
    ...conversation,
    ...usage(1),
    'gen_ai.operation.name': 'chat',
    'gen_ai.provider.name': 'loopback',
    'gen_ai.request.model': 'test-model',
    'gen_ai.response.id': 'resp_1',
    'gen_ai.response.model': 'test-model',
    'gen_ai.response.finish_reasons': ['tool_call'],
    'gen_ai.response.time_to_first_chunk': expect.any(Number),
    'gen_ai.input.messages': expect.stringContaining('#weather'),
    'gen_ai.output.messages': JSON.stringify([call]),
  });
  expect(attributes('execute_tool weather')).toEqual({
    ...session,
    'gen_ai.operation.name': 'execute_tool',
    'gen_ai.tool.name': 'weather',
    'gen_ai.tool.call.id': call.id,
    'gen_ai.tool.call.arguments': JSON.stringify(call.arguments),
    'gen_ai.tool.call.result': JSON.stringify({ content: [rain] }),
  });
});

test.each([
  ['#bad', '400'],
  ['#never', 'cancelled'],
])('a model call that comes to no end (%s) has the conventions’ word for why', async (prompt, type) => {
  const pilot = await world.open();
  pilot.session.subscribe((event) => {
    if (event.type === 'message_update') void pilot.session.abort();
  });
  await pilot.session.prompt(prompt);
  expect(attributes('chat test-model')).toMatchObject({
    'error.type': type,
    'gen_ai.response.finish_reasons': ['error'],
  });
});
