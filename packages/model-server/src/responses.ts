import { type Completion, createdAt, halvesOf, type NextId, wordsOf } from './answer.ts';
import { type StreamEvent, typedEvent, type Written } from './events.ts';
import { isObject, type JsonObject, objectsOf, parseObject, stringOf, textOf } from './json.ts';
import { type CalledTool, type Message, toolMessage } from './request.ts';

/** The new items in the body of a Responses request: a string is one user message. */
export function inputItems(body: JsonObject): readonly JsonObject[] {
  const input = body['input'];
  return typeof input === 'string' ? [{ type: 'message', role: 'user', content: input }] : objectsOf(input);
}

/** The conversation of a Responses request: its instructions, the items that are stored, the items that are new. */
export function responsesMessages(body: JsonObject, stored: readonly JsonObject[]): readonly Message[] {
  const messages: Message[] = [];
  const instructions = stringOf(body['instructions']);
  if (instructions !== '') messages.push({ role: 'system', text: instructions });
  for (const item of [...stored, ...inputItems(body)]) {
    if (item['type'] === 'function_call') {
      const last = messages.at(-1);
      const call = calledTool(item);
      if (last?.role === 'assistant') messages[messages.length - 1] = { ...last, toolCalls: [...last.toolCalls, call] };
      else messages.push({ role: 'assistant', text: '', toolCalls: [call] });
    } else if (item['type'] === 'function_call_output') {
      messages.push(toolMessage(messages, { id: stringOf(item['call_id']), text: textOf(item['output']) }));
    } else if (item['role'] === 'assistant') {
      messages.push({ role: 'assistant', text: textOf(item['content']), toolCalls: [] });
    } else if (typeof item['role'] === 'string') {
      messages.push({ role: item['role'] === 'user' ? 'user' : 'system', text: textOf(item['content']) });
    }
  }
  return messages;
}

/** The names of the tools in the body of a Responses request. */
export function responsesToolNames(body: JsonObject): readonly string[] {
  return objectsOf(body['tools'])
    .map((tool) => stringOf(tool['name']))
    .filter((name) => name !== '');
}

/** A completion as the `response` object and as the events of a stream; its id and items are what a later turn goes on from. */
export interface WrittenResponse extends Written {
  readonly id: string;
  readonly output: readonly JsonObject[];
}

/** Writes a completion in the words of the Responses API. */
export function writeResponse(
  completion: Completion,
  asked: { readonly body: JsonObject; readonly nextId: NextId },
): WrittenResponse {
  const id = asked.nextId('resp_');
  const output = outputOf(completion, asked.nextId);
  const shared = { ...requestedOf(asked.body), id, object: 'response', created_at: createdAt, model: completion.model };
  const incomplete = completion.ending === 'length';
  const started: object = { ...shared, status: 'in_progress', output: [], usage: null };
  const ended: object = {
    ...shared,
    status: incomplete ? 'incomplete' : 'completed',
    incomplete_details: incomplete ? { reason: 'max_output_tokens' } : null,
    completed_at: incomplete ? null : createdAt,
    output,
    usage: usageOf(completion),
  };
  return {
    id,
    output,
    whole: () => ended,
    events: () => {
      let sequence = 0;
      const event = (kind: StreamEvent['kind'], type: string, data: object): StreamEvent => {
        const numbered = { type, sequence_number: sequence, ...data };
        sequence += 1;
        return typedEvent(kind, numbered);
      };
      return [
        event('open', 'response.created', { response: started }),
        event('open', 'response.in_progress', { response: started }),
        ...output.flatMap((item, index) => itemEvents(item, index, event)),
        event('close', incomplete ? 'response.incomplete' : 'response.completed', { response: ended }),
      ];
    },
  };
}

type OutputItem = ReturnType<typeof textItem> | ReturnType<typeof callItem>;
type WriteEvent = (kind: StreamEvent['kind'], type: string, data: object) => StreamEvent;

function outputOf(completion: Completion, nextId: NextId): readonly OutputItem[] {
  const calls = completion.toolCalls.map((call) => callItem(call, nextId('fc_')));
  return completion.text === '' && calls.length > 0 ? calls : [textItem(completion.text, nextId('msg_')), ...calls];
}

function textItem(text: string, id: string) {
  const part = { type: 'output_text', text, annotations: [], logprobs: [] } as const;
  return { type: 'message', id, status: 'completed', role: 'assistant', content: [part] as const } as const;
}

function callItem(call: CalledTool, id: string) {
  const { name } = call;
  return {
    type: 'function_call',
    id,
    status: 'completed',
    call_id: call.id,
    name,
    arguments: JSON.stringify(call.arguments),
  } as const;
}

function itemEvents(item: OutputItem, index: number, event: WriteEvent): readonly StreamEvent[] {
  const where = { item_id: item.id, output_index: index };
  if (item.type === 'function_call') {
    return [
      event('open', 'response.output_item.added', {
        output_index: index,
        item: { ...item, status: 'in_progress', arguments: '' },
      }),
      ...halvesOf(item.arguments).map((delta) =>
        event('delta', 'response.function_call_arguments.delta', { ...where, delta }),
      ),
      event('close', 'response.function_call_arguments.done', { ...where, name: item.name, arguments: item.arguments }),
      event('close', 'response.output_item.done', { output_index: index, item }),
    ];
  }
  const [part] = item.content;
  const inPart = { ...where, content_index: 0 };
  return [
    event('open', 'response.output_item.added', {
      output_index: index,
      item: { ...item, status: 'in_progress', content: [] },
    }),
    event('open', 'response.content_part.added', { ...inPart, part: { ...part, text: '' } }),
    ...wordsOf(part.text).map((delta) =>
      event('delta', 'response.output_text.delta', { ...inPart, delta, logprobs: [] }),
    ),
    event('close', 'response.output_text.done', { ...inPart, text: part.text, logprobs: [] }),
    event('close', 'response.content_part.done', { ...inPart, part }),
    event('close', 'response.output_item.done', { output_index: index, item }),
  ];
}

/** What a response repeats of its request, with the API's defaults. */
function requestedOf(body: JsonObject): object {
  const conversation = conversationIdOf(body);
  return {
    error: null,
    incomplete_details: null,
    instructions: body['instructions'] ?? null,
    max_output_tokens: body['max_output_tokens'] ?? null,
    metadata: body['metadata'] ?? {},
    parallel_tool_calls: body['parallel_tool_calls'] ?? true,
    previous_response_id: body['previous_response_id'] ?? null,
    service_tier: 'default',
    store: body['store'] ?? true,
    temperature: body['temperature'] ?? 1,
    text: body['text'] ?? { format: { type: 'text' } },
    tool_choice: body['tool_choice'] ?? 'auto',
    tools: body['tools'] ?? [],
    top_p: body['top_p'] ?? 1,
    truncation: body['truncation'] ?? 'disabled',
    ...(conversation !== undefined && { conversation: { id: conversation } }),
  };
}

/** The id of the stored conversation that a request goes on with: the API takes it as a string or as `{ id }`. */
export function conversationIdOf(body: JsonObject): string | undefined {
  const conversation = body['conversation'];
  const id = isObject(conversation) ? conversation['id'] : conversation;
  return typeof id === 'string' ? id : undefined;
}

function calledTool(item: JsonObject): CalledTool {
  return {
    id: stringOf(item['call_id']),
    name: stringOf(item['name']),
    arguments: parseObject(stringOf(item['arguments'])) ?? {},
  };
}

function usageOf({ usage }: Completion): object {
  return {
    input_tokens: usage.input,
    input_tokens_details: { cached_tokens: usage.cached },
    output_tokens: usage.output,
    output_tokens_details: { reasoning_tokens: usage.reasoning },
    total_tokens: usage.input + usage.output,
  };
}
