import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { json } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { startTracing, type Tracing } from '../testing/tracing.ts';
import { currentSession } from './active-session.ts';
import { sessionHandler, sessionMiddleware, type SessionMiddlewareOptions } from './middleware.ts';

let tracing: Tracing;
beforeEach(() => {
  tracing = startTracing();
});
afterEach(() => tracing[Symbol.dispose]());

/** Every id that is no good, as HTTP lets it through. */
const BAD = ['', '   ', 'x'.repeat(129), 'a\tb'];

describe('the handler of Web-standard requests', () => {
  const tell = async (request: Request): Promise<unknown> => {
    await Promise.resolve();
    return [currentSession()?.id, await request.text()];
  };
  const post = (body: BodyInit, headers: Record<string, string> = { 'content-type': 'application/json' }): Request =>
    new Request('http://localhost/chat', {
      method: 'POST',
      body,
      headers,
      ...(typeof body !== 'string' && { duplex: 'half' as const }),
    });

  test('runs in the session of the header, before that of the body, and reads the body itself', async () => {
    const body = JSON.stringify({ session_id: 'from-body', inputs: 1 });
    const handle = sessionHandler(tell);
    expect(await handle(post(body))).toEqual(['from-body', body]);
    const headers = { 'x-session-id': 'from-header', 'content-type': 'application/json' };
    expect(await handle(post(body, headers))).toEqual(['from-header', body]);
    expect(await handle(new Request('http://localhost/', { headers: { 'x-session-id': 'get' } }))).toEqual(['get', '']);
  });

  test.each(BAD)('takes the bad id %j of a header for none', async (id) => {
    const handle = sessionHandler(tell);
    expect(await handle(post('{}', { 'x-session-id': id, 'content-type': 'application/json' }))).toEqual([
      undefined,
      '{}',
    ]);
    expect(tracing.diagnostics).toEqual([]);
  });

  test.each(['{', '[]', 'null', '"session_id"', '{"session_id":7}', '{"session_id":"\\u0000"}'])(
    'takes the body %s for one without a session',
    async (body) => {
      expect(await sessionHandler(tell)(post(body))).toEqual([undefined, body]);
    },
  );

  test('looks at JSON only, and only where it may', async () => {
    const body = '{"session_id":"conv-42"}';
    const plain = { 'content-type': 'text/plain' };
    expect(await sessionHandler(tell)(post(body, plain))).toEqual([undefined, body]);
    expect(await sessionHandler(tell, { body: false })(post(body))).toEqual([undefined, body]);
    const problem = { 'content-type': 'application/problem+json; charset=utf-8' };
    expect(await sessionHandler(tell)(post(body, problem))).toEqual(['conv-42', body]);
    const used = post(body);
    await used.text();
    expect(await sessionHandler(async () => currentSession()?.id)(used)).toBeUndefined();
  });

  test('reads no more than a mebibyte, whatever the headers say, and hands all of it on', async () => {
    const long = JSON.stringify({ session_id: 'conv-42', padding: 'x'.repeat(1_100_000) });
    const chunks = new Blob([long]).stream();
    expect(await sessionHandler(tell)(post(chunks))).toEqual([undefined, long]);
    const short = JSON.stringify({ session_id: 'größer', padding: 'é'.repeat(400_000) });
    expect(await sessionHandler(tell)(post(new Blob([short]).stream()))).toEqual(['größer', short]);
  });

  test('leaves the body to the handler where a request gives itself for its copy', async () => {
    const body = '{"session_id":"from-body"}';
    const own = (headers?: Record<string, string>): Request => {
      const request = post(body, { 'content-type': 'application/json', ...headers });
      return Object.assign(request, { clone: () => request });
    };
    expect(await sessionHandler(tell)(own())).toEqual([undefined, body]);
    expect(await sessionHandler(tell)(own({ 'x-session-id': 'from-header' }))).toEqual(['from-header', body]);
  });

  test('takes the header and the fields that it is told to', async () => {
    const options: SessionMiddlewareOptions = { header: 'X-Conversation', sessionId: ['thread'] };
    const named = { 'x-conversation': 'a', 'x-session-id': 'b' };
    expect(await sessionHandler(tell, options)(post('', named))).toEqual(['a', '']);
    expect(await sessionHandler(tell, options)(post('{"thread":"t"}'))).toEqual(['t', '{"thread":"t"}']);
    expect(await sessionHandler(tell, { header: false })(post('', named))).toEqual([undefined, '']);
  });

  test('passes on what else it is given, and what the handler throws', async () => {
    const handle = sessionHandler((_request, one: number, two: string) => [one, two]);
    expect(await handle(post('{}'), 1, 'two')).toEqual([1, 'two']);
    const fail = sessionHandler(() => {
      throw new RangeError('mine');
    });
    await expect(fail(post('{}'))).rejects.toThrow(RangeError);
  });
});

describe('the middleware in the style of Connect, on a real server', () => {
  type Parsed = IncomingMessage & { body?: unknown };

  async function ask(
    request: { readonly headers?: Record<string, string>; readonly body?: string },
    options?: SessionMiddlewareOptions,
  ): Promise<unknown> {
    const middleware = sessionMiddleware(options);
    const answer = async (incoming: Parsed, response: ServerResponse): Promise<void> => {
      if (incoming.method === 'POST') incoming.body = await json(incoming);
      middleware(incoming, response, () => {
        setTimeout(() => response.end(JSON.stringify([currentSession()?.id ?? null, incoming.body ?? null])), 1);
      });
    };
    const server = createServer((incoming, response) => void answer(incoming, response)).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    const port = typeof address === 'object' && address ? address.port : 0;
    try {
      const response = await fetch(`http://127.0.0.1:${port}/`, {
        ...request,
        method: request.body === undefined ? 'GET' : 'POST',
      });
      return await response.json();
    } finally {
      server.close();
      server.closeAllConnections();
    }
  }

  test('runs what follows in the session of the header, else of the body, and leaves the request as it is', async () => {
    const body = '{"session_id":"from-body","inputs":1}';
    const parsed = { session_id: 'from-body', inputs: 1 };
    expect(await ask({ headers: { 'X-Session-Id': 'from-header' }, body })).toEqual(['from-header', parsed]);
    expect(await ask({ body })).toEqual(['from-body', parsed]);
    expect(await ask({ body }, { body: false })).toEqual([null, parsed]);
    expect(await ask({ headers: { 'x-session-id': 'get' } })).toEqual(['get', null]);
    expect(await ask({})).toEqual([null, null]);
  });

  test('is a hook of Fastify’s too, whose last argument takes errors only', () => {
    const hook: (request: IncomingMessage, reply: object, done: (error?: Error) => void) => void = sessionMiddleware();
    const seen: unknown[] = [];
    const request = Object.assign(Object.create(null), { headers: { 'x-session-id': 'conv-42' } });
    hook(request, {}, (error) => seen.push(error, currentSession()?.id));
    expect(seen).toEqual([undefined, 'conv-42']);
  });

  test.each(BAD)('takes the bad id %j for none', async (id) => {
    expect(await ask({ headers: { 'x-session-id': id }, body: JSON.stringify({ session_id: id }) })).toEqual([
      null,
      { session_id: id },
    ]);
    expect(tracing.diagnostics).toEqual([]);
  });

  test('keeps requests that come at the same time apart', async () => {
    const ids = Array.from({ length: 20 }, (_, index) => `conv-${index}`);
    const answers = await Promise.all(ids.map((id) => ask({ headers: { 'x-session-id': id } })));
    expect(answers).toEqual(ids.map((id) => [id, null]));
  });
});
