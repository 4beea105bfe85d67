import { afterEach, beforeEach, expect, it } from 'vitest';
import { type ModelServer, startModelServer } from './index.ts';

let server: ModelServer;
beforeEach(async () => {
  server = await startModelServer();
});
afterEach(() => server.close());

async function send(method: 'GET' | 'POST' | 'DELETE', path: string, body?: object): Promise<unknown> {
  const response = await fetch(`${server.url}/v1${path}`, { method, ...(body && { body: JSON.stringify(body) }) });
  return response.ok ? response.json() : response.status;
}

const user = (content: string) => ({ type: 'message', role: 'user', content });

it('makes a conversation, with items if there are some', async () => {
  expect(
    await send('POST', '/conversations', { metadata: { topic: 'weather' }, items: [user('hello')] }),
  ).toMatchObject({
    id: 'conv_1',
    object: 'conversation',
    metadata: { topic: 'weather' },
  });
  expect(server.conversations.get('conv_1')).toEqual([
    {
      id: 'msg_1',
      type: 'message',
      status: 'completed',
      role: 'user',
      content: [{ type: 'input_text', text: 'hello' }],
    },
  ]);
});

it('lists the items in pages, newest first unless it is asked for the other order', async () => {
  await send('POST', '/conversations');
  const added = await send('POST', '/conversations/conv_1/items', { items: [user('one'), user('two'), user('three')] });
  expect(added).toMatchObject({ object: 'list', first_id: 'msg_1', last_id: 'msg_3', has_more: false });
  expect(await send('GET', '/conversations/conv_1/items?limit=2')).toMatchObject({
    data: [{ id: 'msg_3' }, { id: 'msg_2' }],
    has_more: true,
  });
  expect(await send('GET', '/conversations/conv_1/items?order=asc&after=msg_1')).toMatchObject({
    data: [{ id: 'msg_2' }, { id: 'msg_3' }],
    has_more: false,
  });
});

it('takes an item, and the whole conversation, away', async () => {
  await send('POST', '/conversations', { items: [user('one'), user('two')] });
  expect(await send('DELETE', '/conversations/conv_1/items/msg_1')).toMatchObject({ id: 'conv_1' });
  expect(await send('GET', '/conversations/conv_1/items/msg_1')).toBe(404);
  expect(await send('GET', '/conversations/conv_1/items/msg_2')).toMatchObject({ id: 'msg_2' });
  expect(await send('DELETE', '/conversations/conv_1')).toMatchObject({ deleted: true });
  expect(await send('GET', '/conversations/conv_1')).toBe(404);
});

it('keeps what Responses add to a conversation, and shows it to the script', async () => {
  await send('POST', '/conversations');
  await send('POST', '/responses', { model: 'test-model', input: 'I am Ada', conversation: 'conv_1' });
  const second = { model: 'test-model', input: 'Who am I?', conversation: { id: 'conv_1' } };
  expect(await send('POST', '/responses', second)).toMatchObject({ conversation: { id: 'conv_1' } });
  expect(server.requests[1]?.messages.map(({ role, text }) => `${role}: ${text}`)).toEqual([
    'user: I am Ada',
    'assistant: echo: I am Ada',
    'user: Who am I?',
  ]);
  expect(server.conversations.get('conv_1')).toHaveLength(4);
});

it('keeps nothing of an answer that was not complete', async () => {
  server.script({ text: 'one two', ending: 'cut' });
  await send('POST', '/conversations');
  const body = { model: 'test-model', input: 'count', conversation: 'conv_1' };
  await expect(send('POST', '/responses', body)).rejects.toThrow('terminated');
  expect(server.conversations.get('conv_1')).toEqual([]);
});

it.each([
  ['GET', '/conversations'],
  ['GET', '/conversations/conv_9'],
  ['POST', '/conversations/conv_9/items'],
  ['DELETE', '/conversations/conv_9'],
] as const)('knows no %s %s', async (method, path) => {
  expect(await send(method, path)).toBe(404);
});
