import type { JsonObject } from './json.ts';

/** A request to the model, in the same words for both APIs. */
export interface ModelRequest {
  /** Counts the server's model requests, from 0. */
  readonly index: number;
  readonly api: 'chat' | 'responses';
  /** The path that was asked for, without the query: `/v1/chat/completions`. */
  readonly path: string;
  readonly model: string;
  /** Whether the client asked for server-sent events. */
  readonly stream: boolean;
  /** By lower-case name; a header that came more than once is joined with a comma. */
  readonly headers: Readonly<Record<string, string>>;
  /** The JSON body as it came. */
  readonly body: JsonObject;
  /** The conversation, oldest first, with what a stored conversation or an earlier response adds to the body. */
  readonly messages: readonly Message[];
  /** The text of the last user message, or the empty string. */
  readonly lastUserText: string;
  /** The results at the end of the conversation: what the client brings back from its tools, or none. */
  readonly toolResults: readonly ToolResult[];
  /** The names of the tools on offer. */
  readonly toolNames: readonly string[];
  /** Aborts when the client goes away, or the server closes, before the answer is complete. */
  readonly signal: AbortSignal;
  /** Settles when the exchange is over: the answer was sent, was cut by its script, or the client went away first. */
  readonly ended: Promise<'answered' | 'cut' | 'aborted'>;
}

/** One message of a conversation. A developer's message is a system message. */
export type Message =
  | { readonly role: 'system' | 'user'; readonly text: string }
  | { readonly role: 'assistant'; readonly text: string; readonly toolCalls: readonly CalledTool[] }
  | ({ readonly role: 'tool' } & ToolResult);

/** A call that the model made earlier in the conversation. Arguments that were no JSON object are empty. */
export interface CalledTool {
  readonly id: string;
  readonly name: string;
  readonly arguments: JsonObject;
}

/** What a tool gave back, by the id and the name of its call. The name is empty when the call is not in the conversation. */
export interface ToolResult {
  readonly id: string;
  readonly name: string;
  readonly text: string;
}

/** The text of the last user message, or the empty string. */
export function lastUserTextOf(messages: readonly Message[]): string {
  return messages.findLast((message) => message.role === 'user')?.text ?? '';
}

/** The tool results at the end of the conversation. */
export function toolResultsOf(messages: readonly Message[]): readonly ToolResult[] {
  const start = messages.findLastIndex((message) => message.role !== 'tool') + 1;
  return messages.slice(start).filter((message) => message.role === 'tool');
}

/** A tool's result with the name that its call has in the messages before it. */
export function toolMessage(
  before: readonly Message[],
  result: { readonly id: string; readonly text: string },
): Message {
  const call = before
    .flatMap((message) => (message.role === 'assistant' ? message.toolCalls : []))
    .findLast(({ id }) => id === result.id);
  return { role: 'tool', id: result.id, name: call?.name ?? '', text: result.text };
}
