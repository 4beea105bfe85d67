import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { text } from 'node:stream/consumers';
import { createdAt, type NextId } from './answer.ts';
import { createConversations } from './conversations.ts';
import { answerModel } from './exchange.ts';
import { type JsonObject, parseObject } from './json.ts';
import type { ModelRequest } from './request.ts';
import { echo, play, type Script } from './script.ts';
import { sendFailure, sendJson } from './send.ts';

/** How a model server starts. */
export interface ModelServerOptions {
  /** Default: {@link echo}. */
  readonly script?: Script;
  /** The ids that `GET /v1/models` lists. Any other model answers as well. Default: `test-model`. */
  readonly models?: readonly string[];
}

/** A running model server. */
export interface ModelServer extends AsyncDisposable {
  /** `http://127.0.0.1:<port>`. Every path is there with and without `/v1`. */
  readonly url: string;
  /** The requests to the model so far, oldest first. Others, such as those to the Conversations API, are not among them. */
  readonly requests: readonly ModelRequest[];
  /** The items of each conversation of the Conversations API, oldest first. */
  readonly conversations: ReadonlyMap<string, readonly JsonObject[]>;
  /** Replaces the script. Answers that are under way go on as they began. */
  readonly script: (script: Script) => void;
  /** Ends open connections, aborts their requests and frees the port. May be called again. */
  readonly close: () => Promise<void>;
}

/**
 * Starts a model server on a free port of 127.0.0.1. It speaks Chat Completions, Responses, and of Conversations,
 * compaction and Models as much as clients need; it answers what its script says, and names everything by counting, so that the same
 * requests in the same order give the same bytes.
 */
export async function startModelServer(options: ModelServerOptions = {}): Promise<ModelServer> {
  const nextId = countIds();
  const requests: ModelRequest[] = [];
  const conversations = createConversations(nextId);
  let respond = play(options.script ?? echo);

  const route = async (incoming: IncomingMessage, response: ServerResponse): Promise<void> => {
    response.setHeader('x-request-id', nextId('req_'));
    const { pathname, searchParams } = new URL(incoming.url ?? '/', 'http://127.0.0.1');
    const method = incoming.method ?? 'GET';
    const parts = pathname.split('/').filter((part) => part !== '');
    const path = parts[0] === 'v1' ? parts.slice(1) : parts;
    const endpoint = `${method} /${path.join('/')}`;
    const body = readBody(await text(incoming));
    if (body === undefined) {
      sendFailure(response, { status: 400, message: 'The body of the request is not a JSON object.' });
    } else if (endpoint === 'POST /chat/completions' || endpoint === 'POST /responses') {
      const api = endpoint === 'POST /responses' ? 'responses' : 'chat';
      const asked = { incoming, response, api, path: pathname, body } as const;
      await answerModel(asked, { requests, conversations, nextId, respond });
    } else if (endpoint === 'POST /responses/compact') {
      sendJson(response, 200, compactionObject(nextId));
    } else if (endpoint === 'GET /models') {
      sendJson(response, 200, { object: 'list', data: (options.models ?? ['test-model']).map(modelObject) });
    } else {
      const isConversation = path[0] === 'conversations';
      const found = isConversation
        ? conversations.serve({ method, path: path.slice(1), query: searchParams, body })
        : undefined;
      if (found === undefined) sendFailure(response, unknownUrl(method, pathname));
      else sendJson(response, 200, found);
    }
  };

  const http = createServer((incoming, response) => {
    route(incoming, response).catch((error: unknown) => {
      if (response.headersSent || response.destroyed) response.destroy();
      else sendFailure(response, { status: 500, message: `The model server failed: ${String(error)}` });
    });
  });
  http.listen(0, '127.0.0.1');
  await once(http, 'listening');

  let closed: Promise<unknown> | undefined;
  const close = async (): Promise<void> => {
    if (closed === undefined) {
      closed = once(http, 'close');
      http.close();
      http.closeAllConnections();
    }
    await closed;
  };
  const address = http.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  return {
    url: `http://127.0.0.1:${port}`,
    requests,
    conversations: conversations.items,
    script: (script) => {
      respond = play(script);
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}

function countIds(): NextId {
  const counts = new Map<string, number>();
  return (prefix) => {
    const count = (counts.get(prefix) ?? 0) + 1;
    counts.set(prefix, count);
    return `${prefix}${count}`;
  };
}

function readBody(body: string): JsonObject | undefined {
  return body === '' ? {} : parseObject(body);
}

/** A history made short: what the client keeps instead of it. Every one is like every other, but for its ids. */
function compactionObject(nextId: NextId): object {
  const output = [{ id: nextId('cmp_'), type: 'compaction', encrypted_content: 'what was said so far' }];
  const details = { input_tokens_details: { cached_tokens: 0 }, output_tokens_details: { reasoning_tokens: 0 } };
  const usage = { input_tokens: 40, output_tokens: 4, total_tokens: 44, ...details };
  return { id: nextId('resp_'), object: 'response.compaction', created_at: createdAt, output, usage };
}

function modelObject(id: string): object {
  return { id, object: 'model', created: createdAt, owned_by: 'turnkeeper' };
}

function unknownUrl(method: string, path: string): { status: number; message: string; code: string } {
  return { status: 404, message: `Unknown request URL: ${method} ${path}.`, code: 'unknown_url' };
}
