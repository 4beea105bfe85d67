import type { IncomingMessage, ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Answer, completionOf, isFailure, type NextId } from './answer.ts';
import { chatMessages, chatToolNames, writeChat } from './chat.ts';
import type { Conversations } from './conversations.ts';
import { type JsonObject, stringOf } from './json.ts';
import { lastUserTextOf, type ModelRequest, toolResultsOf } from './request.ts';
import { responsesMessages, responsesToolNames, writeResponse } from './responses.ts';
import { readAnswer, type ScriptFunction } from './script.ts';
import { sendFailure, sendReply } from './send.ts';

/** One request to the model, as it came in, and where its answer goes. */
export interface Asked {
  readonly incoming: IncomingMessage;
  readonly response: ServerResponse;
  readonly api: ModelRequest['api'];
  readonly path: string;
  readonly body: JsonObject;
}

/** What an exchange needs of its server. */
export interface Answering {
  /** Where the request is kept. */
  readonly requests: ModelRequest[];
  readonly conversations: Conversations;
  readonly nextId: NextId;
  readonly respond: ScriptFunction;
}

/** Asks the script and sends what it answers, in the words of the API that was asked. Returns quietly when the client went away. */
export async function answerModel(
  asked: Asked,
  { requests, conversations, nextId, respond }: Answering,
): Promise<void> {
  const { api, body, response } = asked;
  const { signal, ended, cut } = watch(response);
  const request = readRequest(asked, { index: requests.length, signal, ended, conversations });
  requests.push(request);
  try {
    const answer = await answerOf(respond, request);
    if (answer.delayMs !== undefined) await sleep(answer.delayMs, undefined, { signal });
    signal.throwIfAborted();
    if (isFailure(answer)) {
      sendFailure(response, answer);
      return;
    }
    const completion = completionOf(answer, { model: request.model, nextId });
    const sending = { reply: answer, stream: request.stream, signal };
    if (api === 'chat') {
      const written = writeChat(completion, { body, nextId });
      if ((await sendReply(response, { ...sending, written })) === 'cut') cut();
    } else {
      const written = writeResponse(completion, { body, nextId });
      const beforeEnd = (): void => conversations.remember(body, written);
      if ((await sendReply(response, { ...sending, written, beforeEnd })) === 'cut') cut();
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}

/** What the script answers, or the failure to do so: a 500 that clients are asked not to try again. */
async function answerOf(respond: ScriptFunction, request: ModelRequest): Promise<Exclude<Answer, string>> {
  try {
    return readAnswer(await respond(request));
  } catch (error) {
    return {
      status: 500,
      message: `The script failed: ${error instanceof Error ? error.message : String(error)}`,
      type: 'script_error',
      headers: { 'x-should-retry': 'false' },
    };
  }
}

/** Follows an exchange to its end, which is either the answer's, or a cut, or the client's (or the server's) going away. */
function watch(response: ServerResponse): Pick<ModelRequest, 'signal' | 'ended'> & { readonly cut: () => void } {
  const controller = new AbortController();
  const { promise: ended, resolve } = Promise.withResolvers<Awaited<ModelRequest['ended']>>();
  let isCut = false;
  response.once('close', () => {
    if (response.writableFinished || isCut) {
      resolve(isCut ? 'cut' : 'answered');
    } else {
      controller.abort(new Error('The client went away before the answer was complete.'));
      resolve('aborted');
    }
  });
  const cut = (): void => {
    isCut = true;
    response.destroy();
  };
  return { signal: controller.signal, ended, cut };
}

function readRequest(
  { api, body, incoming, path }: Asked,
  more: Pick<ModelRequest, 'index' | 'signal' | 'ended'> & { readonly conversations: Conversations },
): ModelRequest {
  const { index, signal, ended, conversations } = more;
  const messages = api === 'chat' ? chatMessages(body) : responsesMessages(body, conversations.before(body));
  return {
    index,
    api,
    path,
    model: stringOf(body['model']),
    stream: body['stream'] === true,
    headers: headersOf(incoming),
    body,
    messages,
    lastUserText: lastUserTextOf(messages),
    toolResults: toolResultsOf(messages),
    toolNames: api === 'chat' ? chatToolNames(body) : responsesToolNames(body),
    signal,
    ended,
  };
}

function headersOf(incoming: IncomingMessage): Readonly<Record<string, string>> {
  const distinct = Object.entries(incoming.headersDistinct);
  return Object.fromEntries(distinct.map(([name, values = []]) => [name, values.join(', ')]));
}
