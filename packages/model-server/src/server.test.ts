import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { byMarker, type ModelServer, type Reply, startModelServer } from './index.ts';

let server: ModelServer;
beforeEach(async () => {
  server = await startModelServer();
});
afterEach(() => server.close());

const apis = ['chat', 'responses'] as const;
type Api = (typeof apis)[number];

function ask(api: Api, text: string, { stream = false, signal }: { stream?: boolean; signal?: AbortSignal } = {}) {
  const chat = { messages: [{ role: 'user', content: text }], stream_options: { include_usage: true } };
  const body = { model: 'test-model', stream, ...(api === 'chat' ? chat : { input: text }) };
  return post(api === 'chat' ? '/v1/chat/completions' : '/v1/responses', body, signal);
}

function post(path: string, body: unknown, signal?: AbortSignal) {
  return fetch(server.url + path, {
    method: 'POST',
    body: typeof body === 'string' ? body : JSON.stringify(body),
    headers: { 'content-type': 'application/json', traceparent: '00-trace-span-01' },
    ...(signal && { signal }),
  });
}

interface ChatCall {
  readonly index: number;
  readonly id: string;
  readonly function: { readonly name: string; arguments: string };
}
interface ChatMessage {
  readonly content: string | null;
  readonly tool_calls?: readonly ChatCall[];
}
interface WholeChat {
  readonly model: string;
  readonly choices: readonly { readonly message: ChatMessage; readonly finish_reason: string | null }[];
  readonly usage: unknown;
}
interface ChatChunk {
  readonly model: string;
  readonly choices: readonly { readonly delta: ChatMessage; readonly finish_reason: string | null }[];
  readonly usage: unknown;
}
interface Item {
  readonly type: string;
  readonly content: { text: string }[];
  readonly call_id: string;
  readonly name: string;
  arguments: string;
}
interface ResponseBody {
  readonly id: string;
  readonly model: string;
  readonly status: string;
  readonly output: readonly Item[];
  readonly usage: unknown;
}
interface ResponseEvent {
  readonly type: string;
  readonly sequence_number: number;
  readonly output_index: number;
  readonly item: Item;
  readonly part: { text: string };
  readonly delta: string;
  readonly response: ResponseBody;
}

/** What an answer comes to, in the same words for both APIs, streamed or not. */
async function read(api: Api, response: Response) {
  const text = await response.text();
  const streamed = response.headers.get('content-type')?.startsWith('text/event-stream');
  if (api === 'chat') {
    const body: WholeChat = streamed ? joinChunks(chunksOf(text)) : JSON.parse(text);
    const { message, finish_reason: end } = body.choices[0]!;
    const calls = (message.tool_calls ?? []).map(
      (call) => `${call.id} ${call.function.name}(${call.function.arguments})`,
    );
    return { model: body.model, text: message.content ?? '', calls, end, usage: body.usage };
  }
  const body: ResponseBody = streamed ? joinEvents(eventsOf(text)) : JSON.parse(text);
  const texts = body.output.flatMap((item) => (item.type === 'message' ? item.content : []));
  const calls = body.output.flatMap((item) =>
    item.type === 'function_call' ? [`${item.call_id} ${item.name}(${item.arguments})`] : [],
  );
  const joined = texts.map((part) => part.text).join('');
  return { model: body.model, text: joined, calls, end: body.status, usage: body.usage };
}

function chunksOf(wire: string): readonly ChatChunk[] {
  return dataOf(wire).map((data) => JSON.parse(data));
}

function eventsOf(wire: string): readonly ResponseEvent[] {
  return dataOf(wire).map((data) => JSON.parse(data));
}

function dataOf(wire: string): readonly string[] {
  const data = wire.split('\n').filter((line) => line.startsWith('data: '));
  return data.map((line) => line.slice('data: '.length)).filter((text) => text !== '[DONE]');
}

/** Puts a stream together from its deltas, as a client does. */
function joinChunks(chunks: readonly ChatChunk[]): WholeChat {
  const calls: ChatCall[] = [];
  const choices = chunks.flatMap((chunk) => chunk.choices);
  for (const call of choices.flatMap((choice) => choice.delta.tool_calls ?? [])) {
    const known = calls[call.index];
    if (known === undefined) calls[call.index] = call;
    else known.function.arguments += call.function.arguments;
  }
  const message = { content: choices.map((choice) => choice.delta.content ?? '').join(''), tool_calls: calls };
  const finish_reason = choices.at(-1)!.finish_reason;
  return { model: chunks[0]!.model, choices: [{ message, finish_reason }], usage: chunks.at(-1)!.usage };
}

/** Puts a stream together from its deltas, as a client does. */
function joinEvents(events: readonly ResponseEvent[]): ResponseBody {
  const output: Item[] = [];
  for (const event of events) {
    const item = output[event.output_index];
    if (event.type === 'response.output_item.added') output[event.output_index] = event.item;
    if (event.type === 'response.content_part.added') item!.content.push(event.part);
    if (event.type === 'response.output_text.delta') item!.content[0]!.text += event.delta;
    if (event.type === 'response.function_call_arguments.delta') item!.arguments += event.delta;
  }
  return { ...events.at(-1)!.response, output };
}

const usage = (api: Api, { input, output, cached, reasoning }: Required<NonNullable<Reply['usage']>>) =>
  api === 'chat'
    ? {
        prompt_tokens: input,
        completion_tokens: output,
        total_tokens: input + output,
        prompt_tokens_details: { cached_tokens: cached },
        completion_tokens_details: { reasoning_tokens: reasoning },
      }
    : {
        input_tokens: input,
        input_tokens_details: { cached_tokens: cached },
        output_tokens: output,
        output_tokens_details: { reasoning_tokens: reasoning },
        total_tokens: input + output,
      };

describe.each(apis)('%s', (api) => {
  describe.each([true, false])('streamed: %s', (stream) => {
    it('repeats the last user text until a script says otherwise', async () => {
      const answer = await read(api, await ask(api, 'good morning', { stream }));
      expect(answer).toMatchObject({
        model: 'test-model',
        text: 'echo: good morning',
        calls: [],
        end: api === 'chat' ? 'stop' : 'completed',
        usage: usage(api, { input: 100, output: 20, cached: 0, reasoning: 0 }),
      });
    });

    it('calls several tools at once, with a text before them', async () => {
      const toolCalls = [
        { name: 'weather', arguments: { city: 'Oslo' } },
        { name: 'clock', id: 'mine' },
      ];
      server.script({ text: 'Let me look.', toolCalls });
      expect(await read(api, await ask(api, 'weather?', { stream }))).toMatchObject({
        text: 'Let me look.',
        calls: ['call_1 weather({"city":"Oslo"})', 'mine clock({})'],
        end: api === 'chat' ? 'tool_calls' : 'completed',
      });
    });

    it('gives the usage and the model that the reply gives', async () => {
      server.script({ text: 'hi', model: 'test-model-2', usage: { input: 7, cached: 5, output: 3, reasoning: 2 } });
      expect(await read(api, await ask(api, 'hello', { stream }))).toMatchObject({
        model: 'test-model-2',
        usage: usage(api, { input: 7, output: 3, cached: 5, reasoning: 2 }),
      });
    });

    it('says that it ran out of tokens', async () => {
      server.script({ text: 'once upon', ending: 'length' });
      const answer = await read(api, await ask(api, 'a story', { stream }));
      expect(answer).toMatchObject({ text: 'once upon', end: api === 'chat' ? 'length' : 'incomplete' });
    });

    it('answers with nothing when the reply is empty', async () => {
      server.script({});
      expect(await read(api, await ask(api, 'hello', { stream }))).toMatchObject({ text: '', calls: [] });
    });

    it('answers with an HTTP error in the shape of OpenAI', async () => {
      server.script({ status: 429, message: 'slow down', code: 'rate_limited', headers: { 'retry-after': '2' } });
      const response = await ask(api, 'hello', { stream });
      expect(response.status).toBe(429);
      expect(response.headers.get('retry-after')).toBe('2');
      expect(await response.json()).toEqual({
        error: { message: 'slow down', type: 'rate_limit_error', param: null, code: 'rate_limited' },
      });
    });

    it('waits before the first byte', async () => {
      server.script({ text: 'at last', delayMs: 60 });
      const start = performance.now();
      await ask(api, 'hello', { stream });
      expect(performance.now() - start).toBeGreaterThan(50);
    });

    it('breaks the connection in the middle of the answer', async () => {
      server.script({ text: 'one two three four', ending: 'cut' });
      const response = await ask(api, 'count', { stream });
      expect(response.status).toBe(200);
      const received = await receive(response);
      expect(received.broken).toBe(true);
      expect(received.text).not.toBe('');
      expect(await server.requests[0]!.ended).toBe('cut');
      expect(server.requests[0]!.signal.aborted).toBe(false);
    });

    it('never ends until the client goes away, and knows that it went', async () => {
      server.script({ text: 'I think that', ending: 'never' });
      const controller = new AbortController();
      const asked = ask(api, 'hello', { stream, signal: controller.signal }).then(receive);
      const text = await Promise.race([asked, pause(60)]);
      expect(text).toBeUndefined();
      controller.abort();
      await expect(
        asked.then(
          ({ broken }) => broken,
          () => true,
        ),
      ).resolves.toBe(true);
      expect(await server.requests[0]!.ended).toBe('aborted');
      expect(server.requests[0]!.signal.aborted).toBe(true);
    });

    it('ends with the server while an answer is open', async () => {
      server.script({ text: 'I think that', ending: 'never' });
      const asked = ask(api, 'hello', { stream })
        .then(receive)
        .then(
          ({ broken }) => broken,
          () => true,
        );
      await requestCount(1);
      await server.close();
      expect(await asked).toBe(true);
      expect(await server.requests[0]!.ended).toBe('aborted');
      await expect(fetch(server.url)).rejects.toThrow('fetch failed');
    });

    it('turns an error of the script into a 500 that is not to be retried', async () => {
      server.script(() => Promise.reject(new Error('no such city')));
      const response = await ask(api, 'hello', { stream });
      expect(response.status).toBe(500);
      expect(response.headers.get('x-should-retry')).toBe('false');
      expect(await response.json()).toMatchObject({ error: { message: 'The script failed: no such city' } });
    });
  });

  it('waits between the pieces of a stream', async () => {
    server.script({ text: 'one two three', chunkDelayMs: 30 });
    const response = await ask(api, 'count', { stream: true });
    const start = performance.now();
    expect(await read(api, response)).toMatchObject({ text: 'one two three' });
    expect(performance.now() - start).toBeGreaterThan(50);
  });

  it('cuts a text after half of its words', async () => {
    server.script({ text: 'one two three four', ending: 'cut' });
    const { text } = await receive(await ask(api, 'count', { stream: true }));
    expect(text).toContain('"two ');
    expect(text).not.toContain('three');
  });

  it('cuts a call in the middle of its arguments', async () => {
    server.script({ toolCalls: [{ name: 'weather', arguments: { city: 'Oslo' } }], ending: 'cut' });
    const { text } = await receive(await ask(api, 'weather?', { stream: true }));
    expect(text).toContain('weather');
    expect(text).not.toContain('Oslo');
  });

  it('shows what was asked in the same words for both APIs', async () => {
    await converse(api);
    const request = server.requests[0]!;
    expect(request).toMatchObject({
      index: 0,
      api,
      model: 'test-model',
      stream: false,
      lastUserText: 'And the weather?',
      toolNames: ['weather'],
      toolResults: [{ id: 'a', name: 'weather', text: 'rain' }],
    });
    expect(request.headers['traceparent']).toBe('00-trace-span-01');
    expect(request.body['model']).toBe('test-model');
    expect(request.messages).toEqual([
      { role: 'system', text: 'Be brief.' },
      { role: 'user', text: 'Hello' },
      { role: 'assistant', text: 'Hi', toolCalls: [] },
      { role: 'user', text: 'And the weather?' },
      { role: 'assistant', text: 'Wait', toolCalls: [{ id: 'a', name: 'weather', arguments: { city: 'Oslo' } }] },
      { role: 'tool', id: 'a', name: 'weather', text: 'rain' },
    ]);
    expect(await request.ended).toBe('answered');
  });

  it('gives the same bytes for the same requests', async () => {
    const run = async () => {
      server.script(byMarker({ '#call': { text: 'ok', toolCalls: [{ name: 'weather' }] } }));
      const first = await (await ask(api, '#call', { stream: true })).text();
      return first + (await (await ask(api, 'hello')).text());
    };
    const first = await run();
    await server.close();
    server = await startModelServer();
    expect(await run()).toBe(first);
  });
});

it('frames the chunks of Chat Completions', async () => {
  server.script({ text: 'one two', toolCalls: [{ name: 'weather', arguments: { a: 1 } }] });
  const wire = await (await ask('chat', 'hello', { stream: true })).text();
  expect(wire.endsWith('\n\ndata: [DONE]\n\n')).toBe(true);
  const deltas = chunksOf(wire).map(({ choices }) => choices[0]?.delta ?? 'usage');
  expect(deltas).toEqual([
    { role: 'assistant', content: '', refusal: null },
    { content: 'one ' },
    { content: 'two' },
    { tool_calls: [{ index: 0, id: 'call_1', type: 'function', function: { name: 'weather', arguments: '' } }] },
    { tool_calls: [{ index: 0, function: { arguments: '{"a"' } }] },
    { tool_calls: [{ index: 0, function: { arguments: ':1}' } }] },
    {},
    'usage',
  ]);
});

it('leaves the usage out of a chat stream that did not ask for it', async () => {
  const body = { model: 'test-model', stream: true, messages: [{ role: 'user', content: 'hello' }] };
  expect(await (await post('/v1/chat/completions', body)).text()).not.toContain('usage');
});

it('frames the events of Responses', async () => {
  server.script({ text: 'one two', toolCalls: [{ name: 'weather', arguments: { a: 1 } }] });
  const wire = await (await ask('responses', 'hello', { stream: true })).text();
  const events = eventsOf(wire);
  expect(wire.match(/^event: .*$/gm)).toEqual(events.map(({ type }) => `event: ${type}`));
  expect(events.map((event) => event.sequence_number)).toEqual(events.map((_, index) => index));
  expect(events.map(({ type, output_index: item, delta }) => [item, type, delta].join(' ').trim())).toEqual([
    'response.created',
    'response.in_progress',
    '0 response.output_item.added',
    '0 response.content_part.added',
    '0 response.output_text.delta one',
    '0 response.output_text.delta two',
    '0 response.output_text.done',
    '0 response.content_part.done',
    '0 response.output_item.done',
    '1 response.output_item.added',
    '1 response.function_call_arguments.delta {"a"',
    '1 response.function_call_arguments.delta :1}',
    '1 response.function_call_arguments.done',
    '1 response.output_item.done',
    'response.completed',
  ]);
});

it('goes on from an earlier response', async () => {
  const first: ResponseBody = JSON.parse(await (await ask('responses', 'My name is Ada')).text());
  await post('/v1/responses', { model: 'test-model', input: 'Who am I?', previous_response_id: first.id });
  expect(server.requests[1]!.messages.map(({ text }) => text)).toEqual([
    'My name is Ada',
    'echo: My name is Ada',
    'Who am I?',
  ]);
});

it.each([
  ['malformed JSON', 400, () => post('/v1/chat/completions', '{"model": ')],
  ['JSON that is no object', 400, () => post('/v1/responses', '[]')],
  ['an unknown path', 404, () => post('/v1/embeddings', {})],
  ['an unknown method', 404, () => fetch(`${server.url}/v1/responses`)],
])('refuses %s in the shape of OpenAI', async (_, status, send) => {
  const response = await send();
  expect(response.status).toBe(status);
  expect(await response.json()).toMatchObject({
    error: { message: expect.any(String), type: 'invalid_request_error' },
  });
  expect(server.requests).toEqual([]);
});

it('makes a history short', async () => {
  const compacted = await post('/v1/responses/compact', { model: 'gpt-5', input: [] });
  expect(await compacted.json()).toMatchObject({
    id: 'resp_1',
    object: 'response.compaction',
    output: [{ id: 'cmp_1', type: 'compaction', encrypted_content: 'what was said so far' }],
    usage: { input_tokens: 40, output_tokens: 4, total_tokens: 44 },
  });
  expect(server.requests).toEqual([]);
});

it('lists its models, with and without the prefix of the version', async () => {
  await server.close();
  server = await startModelServer({ models: ['one', 'two'] });
  for (const path of ['/v1/models', '/models']) {
    expect(await (await fetch(server.url + path)).json()).toMatchObject({
      object: 'list',
      data: [
        { id: 'one', object: 'model' },
        { id: 'two', object: 'model' },
      ],
    });
  }
});

it('closes twice, and by itself at the end of a block', async () => {
  let url: string;
  {
    await using scoped = await startModelServer();
    url = scoped.url;
    await scoped.close();
  }
  await expect(fetch(url)).rejects.toThrow('fetch failed');
});

async function receive(response: Response): Promise<{ text: string; broken: boolean }> {
  const decoder = new TextDecoder();
  let text = '';
  try {
    for await (const bytes of response.body!) text += decoder.decode(bytes, { stream: true });
    return { text, broken: false };
  } catch {
    return { text, broken: true };
  }
}

async function requestCount(count: number): Promise<void> {
  while (server.requests.length < count) await pause(5);
}

function pause(ms: number): Promise<undefined> {
  return new Promise((resolve) => {
    setTimeout(() => resolve(undefined), ms);
  });
}

/** The same conversation in both APIs: two turns, the second of them with a tool. */
function converse(api: Api): Promise<Response> {
  const call = { name: 'weather', arguments: '{"city":"Oslo"}' };
  if (api === 'chat') {
    return post('/chat/completions', {
      model: 'test-model',
      tools: [{ type: 'function', function: { name: 'weather' } }],
      messages: [
        { role: 'developer', content: 'Be brief.' },
        { role: 'user', content: 'Hello' },
        { role: 'assistant', content: 'Hi' },
        {
          role: 'user',
          content: [
            { type: 'text', text: 'And the ' },
            { type: 'text', text: 'weather?' },
          ],
        },
        { role: 'assistant', content: 'Wait', tool_calls: [{ id: 'a', type: 'function', function: call }] },
        { role: 'tool', tool_call_id: 'a', content: 'rain' },
      ],
    });
  }
  return post('/responses', {
    model: 'test-model',
    instructions: 'Be brief.',
    tools: [{ type: 'function', name: 'weather' }, { type: 'web_search' }],
    input: [
      { role: 'user', content: 'Hello' },
      { type: 'message', role: 'assistant', content: [{ type: 'output_text', text: 'Hi' }] },
      { role: 'user', content: [{ type: 'input_text', text: 'And the weather?' }] },
      { type: 'message', role: 'assistant', content: [{ type: 'output_text', text: 'Wait' }] },
      { type: 'function_call', call_id: 'a', ...call },
      { type: 'function_call_output', call_id: 'a', output: 'rain' },
    ],
  });
}
