import { createdAt, type NextId } from './answer.ts';
import { isObject, type JsonObject, objectsOf, stringOf } from './json.ts';
import { conversationIdOf, inputItems } from './responses.ts';

/** What the server keeps between requests: conversations by their id, and what each response was an answer to. */
export interface Conversations {
  /** The items of each conversation, oldest first. */
  readonly items: ReadonlyMap<string, readonly JsonObject[]>;
  /** What came before a Responses request: the items of its conversation, else of the response that it follows. */
  readonly before: (body: JsonObject) => readonly JsonObject[];
  /** Keeps a Responses request and its answer. A conversation that is not known yet is made. */
  readonly remember: (
    body: JsonObject,
    response: { readonly id: string; readonly output: readonly JsonObject[] },
  ) => void;
  /** Answers a request to the Conversations API, or undefined when there is no such thing. */
  readonly serve: (request: ConversationRequest) => object | undefined;
}

/** A request to the Conversations API. */
export interface ConversationRequest {
  readonly method: string;
  /** What follows `/conversations/` in the path: `conv_1`, `items`, `msg_1`. */
  readonly path: readonly string[];
  readonly query: URLSearchParams;
  readonly body: JsonObject;
}

/** Conversations in memory, none to begin with. */
export function createConversations(nextId: NextId): Conversations {
  const conversations = new Map<string, JsonObject[]>();
  const responses = new Map<string, readonly JsonObject[]>();

  const stored = (item: JsonObject): JsonObject => {
    const role = stringOf(item['role']);
    if (role === '') return { id: nextId('item_'), status: 'completed', ...item };
    const type = role === 'assistant' ? 'output_text' : 'input_text';
    const content = typeof item['content'] === 'string' ? [{ type, text: item['content'] }] : item['content'];
    return { id: nextId('msg_'), type: 'message', status: 'completed', ...item, content };
  };
  const add = (id: string, items: readonly JsonObject[]): readonly JsonObject[] => {
    const added = items.map(stored);
    conversations.set(id, [...(conversations.get(id) ?? []), ...added]);
    return added;
  };
  const before = (body: JsonObject): readonly JsonObject[] => {
    const id = conversationIdOf(body);
    if (id !== undefined) return conversations.get(id) ?? [];
    return responses.get(stringOf(body['previous_response_id'])) ?? [];
  };
  const create = (body: JsonObject): object => {
    const id = nextId('conv_');
    conversations.set(id, []);
    add(id, objectsOf(body['items']));
    return conversationObject(id, body);
  };

  return {
    items: conversations,
    before,
    remember: (body, response) => {
      const items = [...inputItems(body), ...response.output];
      responses.set(response.id, [...before(body), ...items]);
      const id = conversationIdOf(body);
      if (id !== undefined) add(id, items);
    },
    serve: ({ method, path, query, body }) => {
      const [id, collection, itemId] = path;
      if (id === undefined) return method === 'POST' ? create(body) : undefined;
      const items = conversations.get(id);
      if (items === undefined) return undefined;
      if (collection === undefined) {
        if (method === 'DELETE') {
          conversations.delete(id);
          return { id, object: 'conversation.deleted', deleted: true };
        }
        return method === 'GET' ? conversationObject(id, body) : undefined;
      }
      if (collection !== 'items') return undefined;
      if (itemId !== undefined) {
        const item = items.find((candidate) => candidate['id'] === itemId);
        if (item === undefined) return undefined;
        if (method === 'GET') return item;
        if (method !== 'DELETE') return undefined;
        conversations.set(
          id,
          items.filter((candidate) => candidate !== item),
        );
        return conversationObject(id, {});
      }
      if (method === 'POST') return listObject(add(id, objectsOf(body['items'])), false);
      return method === 'GET' ? pageOf(items, query) : undefined;
    },
  };
}

function conversationObject(id: string, body: JsonObject): object {
  const metadata = isObject(body['metadata']) ? body['metadata'] : {};
  return { id, object: 'conversation', created_at: createdAt, metadata };
}

/** A page of items: newest first unless `order=asc`, 20 unless `limit` says otherwise, from after the item `after`. */
function pageOf(items: readonly JsonObject[], query: URLSearchParams): object {
  const ordered = query.get('order') === 'asc' ? items : items.toReversed();
  const after = query.get('after');
  const start = after === null ? 0 : ordered.findIndex((item) => item['id'] === after) + 1;
  const end = start + Number(query.get('limit') ?? 20);
  return listObject(ordered.slice(start, end), end < ordered.length);
}

function listObject(data: readonly JsonObject[], hasMore: boolean): object {
  const ids = data.map((item) => item['id'] ?? null);
  return { object: 'list', data, first_id: ids.at(0) ?? null, last_id: ids.at(-1) ?? null, has_more: hasMore };
}
