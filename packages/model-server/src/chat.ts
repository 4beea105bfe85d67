import { type Completion, createdAt, halvesOf, type NextId, wordsOf } from './answer.ts';
import { dataEvent, type StreamEvent, type Written } from './events.ts';
import { isObject, type JsonObject, objectsOf, parseObject, stringOf, textOf } from './json.ts';
import { type Message, toolMessage } from './request.ts';

/** The conversation in the body of a Chat Completions request. */
export function chatMessages(body: JsonObject): readonly Message[] {
  const messages: Message[] = [];
  for (const message of objectsOf(body['messages'])) {
    const text = textOf(message['content']);
    if (message['role'] === 'tool') {
      messages.push(toolMessage(messages, { id: stringOf(message['tool_call_id']), text }));
    } else if (message['role'] === 'assistant') {
      const toolCalls = objectsOf(message['tool_calls']).map((call) => {
        const called = isObject(call['function']) ? call['function'] : {};
        return {
          id: stringOf(call['id']),
          name: stringOf(called['name']),
          arguments: parseObject(stringOf(called['arguments'])) ?? {},
        };
      });
      messages.push({ role: 'assistant', text, toolCalls });
    } else {
      messages.push({ role: message['role'] === 'user' ? 'user' : 'system', text });
    }
  }
  return messages;
}

/** The names of the tools in the body of a Chat Completions request. */
export function chatToolNames(body: JsonObject): readonly string[] {
  return objectsOf(body['tools']).map((tool) => stringOf(isObject(tool['function']) ? tool['function']['name'] : ''));
}

/** A completion as the `chat.completion` object, and as the events of a stream of its chunks. */
export function writeChat(
  completion: Completion,
  asked: { readonly body: JsonObject; readonly nextId: NextId },
): Written {
  const id = asked.nextId('chatcmpl-');
  const shared = { created: createdAt, model: completion.model, service_tier: 'default', system_fingerprint: 'fp_1' };
  const streamOptions = asked.body['stream_options'];
  const withUsage = isObject(streamOptions) && streamOptions['include_usage'] === true;
  const chunk = (kind: StreamEvent['kind'], choice: object): StreamEvent =>
    dataEvent(kind, {
      id,
      object: 'chat.completion.chunk',
      ...shared,
      choices: [{ index: 0, logprobs: null, finish_reason: null, ...choice }],
      ...(withUsage && { usage: null }),
    });
  return {
    whole: () => ({
      id,
      object: 'chat.completion',
      ...shared,
      choices: [{ index: 0, message: messageOf(completion), logprobs: null, finish_reason: finishReason(completion) }],
      usage: usageOf(completion),
    }),
    events: () => [
      chunk('open', { delta: { role: 'assistant', content: completion.text === '' ? null : '', refusal: null } }),
      ...wordsOf(completion.text).map((content) => chunk('delta', { delta: { content } })),
      ...completion.toolCalls.flatMap((call, index) => [
        chunk('open', {
          delta: {
            tool_calls: [{ index, id: call.id, type: 'function', function: { name: call.name, arguments: '' } }],
          },
        }),
        ...halvesOf(JSON.stringify(call.arguments)).map((piece) =>
          chunk('delta', { delta: { tool_calls: [{ index, function: { arguments: piece } }] } }),
        ),
      ]),
      chunk('close', { delta: {}, finish_reason: finishReason(completion) }),
      ...(withUsage
        ? [
            dataEvent('close', {
              id,
              object: 'chat.completion.chunk',
              ...shared,
              choices: [],
              usage: usageOf(completion),
            }),
          ]
        : []),
      dataEvent('close', '[DONE]'),
    ],
  };
}

function messageOf(completion: Completion): object {
  const calls = completion.toolCalls.map((call) => ({
    id: call.id,
    type: 'function',
    function: { name: call.name, arguments: JSON.stringify(call.arguments) },
  }));
  return {
    role: 'assistant',
    content: completion.text === '' && calls.length > 0 ? null : completion.text,
    refusal: null,
    annotations: [],
    ...(calls.length > 0 && { tool_calls: calls }),
  };
}

function finishReason(completion: Completion): string {
  if (completion.ending === 'length') return 'length';
  return completion.toolCalls.length > 0 ? 'tool_calls' : 'stop';
}

function usageOf({ usage }: Completion): object {
  return {
    prompt_tokens: usage.input,
    completion_tokens: usage.output,
    total_tokens: usage.input + usage.output,
    prompt_tokens_details: { cached_tokens: usage.cached, audio_tokens: 0 },
    completion_tokens_details: {
      reasoning_tokens: usage.reasoning,
      audio_tokens: 0,
      accepted_prediction_tokens: 0,
      rejected_prediction_tokens: 0,
    },
  };
}
