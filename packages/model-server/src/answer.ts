/** What a script answers: a string is a text, a {@link Reply} is what a model says, a {@link Failure} is an HTTP error. */
export type Answer = string | Reply | Failure;

/** What the model says, how fast, and how it ends. Streamed and whole answers come from the same reply. */
export interface Reply {
  /** Streamed word by word. Default: none. */
  readonly text?: string;
  /** Called all at once, after the text. Default: none. */
  readonly toolCalls?: readonly ToolCall[];
  /** Tokens. What is not given has the value of {@link defaultUsage}. */
  readonly usage?: Partial<Usage>;
  /** The model that says it answered. Default: the one that was asked for. */
  readonly model?: string;
  /** Milliseconds before the first byte, headers included. Default: 0. */
  readonly delayMs?: number;
  /** Milliseconds between two pieces of content of a streamed answer. Default: 0. */
  readonly chunkDelayMs?: number;
  /**
   * `complete` (default); `length`: complete, but the model ran out of tokens; `cut`: the connection breaks after half
   * of the content; `never`: all of the content, then silence until the client goes away. An answer that is not
   * streamed and never ends sends nothing.
   */
  readonly ending?: 'complete' | 'length' | 'cut' | 'never';
}

/** One call of a tool. */
export interface ToolCall {
  readonly name: string;
  /** Default: none. */
  readonly arguments?: Readonly<Record<string, unknown>>;
  /** Default: `call_1`, `call_2` and so on, counted by the server. */
  readonly id?: string;
}

/** Numbers of tokens. `cached` is a part of `input`, and `reasoning` a part of `output`. */
export interface Usage {
  readonly input: number;
  readonly output: number;
  readonly cached: number;
  readonly reasoning: number;
}

/** An HTTP error in the shape of OpenAI's: `{ error: { message, type, param, code } }`. */
export interface Failure {
  /** The HTTP status, 400 to 599. */
  readonly status: number;
  readonly message: string;
  /** Default: `server_error` from 500 on, `rate_limit_error` for 429, else `invalid_request_error`. */
  readonly type?: string;
  /** Default: null. */
  readonly code?: string;
  /** More response headers, such as `retry-after`. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Milliseconds before the first byte. Default: 0. */
  readonly delayMs?: number;
}

/** A reply with everything filled in: what the two APIs write down in their own words. */
export interface Completion {
  readonly model: string;
  readonly text: string;
  readonly toolCalls: readonly Required<ToolCall>[];
  readonly usage: Usage;
  readonly ending: NonNullable<Reply['ending']>;
}

/** The next id of a kind: `call_1`, `call_2` and so on, each kind with a count of its own. */
export type NextId = (prefix: string) => string;

/** When everything was created, in seconds since 1970: fixed, so that two runs write the same bytes. */
export const createdAt = 1_700_000_000;

/** The usage of a reply that does not give its own: 100 tokens in, 20 out, none cached, none for reasoning. */
export const defaultUsage: Usage = { input: 100, output: 20, cached: 0, reasoning: 0 };

/** Whether an answer is an HTTP error. */
export function isFailure(answer: Reply | Failure): answer is Failure {
  return 'status' in answer;
}

/** Fills in what a reply leaves open: the ids of its calls, its usage, its model. */
export function completionOf(reply: Reply, asked: { readonly model: string; readonly nextId: NextId }): Completion {
  return {
    model: reply.model ?? asked.model,
    text: reply.text ?? '',
    toolCalls: (reply.toolCalls ?? []).map((call) => ({
      name: call.name,
      arguments: call.arguments ?? {},
      id: call.id ?? asked.nextId('call_'),
    })),
    usage: { ...defaultUsage, ...reply.usage },
    ending: reply.ending ?? 'complete',
  };
}

/** A text in words, each with the white space after it. Joined, they are the text again. */
export function wordsOf(text: string): readonly string[] {
  return text.match(/\s*\S+\s*|\s+/g) ?? [];
}

/** A text in two halves (one, if it is that short), as providers send a call's arguments in pieces. */
export function halvesOf(text: string): readonly string[] {
  const middle = Math.ceil(text.length / 2);
  return [text.slice(0, middle), text.slice(middle)].filter((half) => half !== '');
}
