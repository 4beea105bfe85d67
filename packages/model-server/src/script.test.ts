import { afterEach, beforeEach, expect, it } from 'vitest';
import { byMarker, type ModelServer, startModelServer } from './index.ts';

let server: ModelServer;
beforeEach(async () => {
  server = await startModelServer();
});
afterEach(() => server.close());

/** Says something in a conversation of its own, or brings back a tool's result, and gives back what the model says. */
async function say(text: string, role: 'user' | 'tool' = 'user'): Promise<string> {
  const call = { id: 'a', type: 'function', function: { name: 'weather', arguments: '{}' } };
  const before = role === 'tool' ? [{ role: 'assistant', content: null, tool_calls: [call] }] : [];
  const body = { model: 'test-model', messages: [...before, { role, content: text, tool_call_id: 'a' }] };
  const response = await fetch(`${server.url}/v1/chat/completions`, { method: 'POST', body: JSON.stringify(body) });
  const answer: {
    choices?: { message: { content: string | null; tool_calls?: { function: { name: string } }[] } }[];
    error?: { message: string };
  } = JSON.parse(await response.text());
  const message = answer.choices?.[0]?.message;
  const called = message?.tool_calls?.map((one) => `calls ${one.function.name}`);
  return answer.error?.message ?? called?.join() ?? message?.content ?? '';
}

it('gives one answer always', async () => {
  server.script('always');
  expect([await say('one'), await say('two')]).toEqual(['always', 'always']);
});

it('uses a list up in order, then says so', async () => {
  server.script(['first', { toolCalls: [{ name: 'weather' }] }]);
  expect([await say('one'), await say('two'), await say('three')]).toEqual([
    'first',
    'calls weather',
    'The script failed: The list has 2 answers and this is request 3 to it. Add an answer, or use a function.',
  ]);
});

it('calls a function with each request, and waits for it', async () => {
  server.script(async (request) => {
    await new Promise((resolve) => {
      setTimeout(resolve, 5);
    });
    return `${request.index} ${request.lastUserText}`;
  });
  expect(await Promise.all([say('one'), say('one'), say('one')])).toEqual(['0 one', '1 one', '2 one']);
});

it('tells a script that nobody waits for its answer any more', async () => {
  const { promise: told, resolve } = Promise.withResolvers<unknown>();
  server.script(({ signal }) => {
    signal.addEventListener('abort', () => resolve(signal.reason));
    controller.abort();
    return new Promise(() => {});
  });
  const controller = new AbortController();
  const body = JSON.stringify({ model: 'test-model', input: 'hello' });
  await expect(
    fetch(`${server.url}/v1/responses`, { method: 'POST', body, signal: controller.signal }),
  ).rejects.toThrow('aborted');
  expect(String(await told)).toBe('Error: The client went away before the answer was complete.');
});

it('answers a marker in the last message of the user, and everything else as it is told', async () => {
  server.script(
    byMarker(
      {
        '#weather': { toolCalls: [{ name: 'weather' }] },
        '#flaky': [{ status: 503, message: 'overloaded' }, 'here you are'],
        '#index': (request) => `request ${request.index}`,
      },
      ({ toolResults, lastUserText }) => toolResults[0]?.text ?? `heard ${lastUserText}`,
    ),
  );
  expect(await say('what is the #weather in Oslo')).toBe('calls weather');
  expect(await say('#weather is in the result of the tool', 'tool')).toBe('#weather is in the result of the tool');
  expect(await say('hello')).toBe('heard hello');
  expect([await say('#flaky'), await say('#flaky')]).toEqual(['overloaded', 'here you are']);
  expect(await say('#index')).toBe('request 5');
});

it('repeats the user for what has no marker, when nothing else is told', async () => {
  server.script(byMarker({ '#weather': 'rain' }));
  expect([await say('the #weather'), await say('hello')]).toEqual(['rain', 'echo: hello']);
});

it('says what a script gave when it is no answer', async () => {
  server.script(() => JSON.parse('null'));
  expect(await say('hello')).toBe('The script failed: It gave null where a string or an object was expected.');
});
