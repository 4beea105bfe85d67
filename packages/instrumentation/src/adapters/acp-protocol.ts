import {
  isRecord,
  text,
  type Carrier,
  type Failure,
  type Millis,
  type Outcome,
  type RunEvent,
  type RunId,
  type Usage,
} from '../adapter.ts';

/** What an agent says while it works, as far as it shows in a trace. */
export type AcpUpdate =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'tool'; readonly tool: AcpTool }
  | { readonly kind: 'cost'; readonly amount: number; readonly currency: string }
  | { readonly kind: 'other' };

/** One `tool_call` or `tool_call_update`. */
interface AcpTool {
  readonly id: string;
  /** Whether it adds to a call that was told of before. */
  readonly isUpdate: boolean;
  readonly name: string;
  readonly status?: string | undefined;
  readonly input?: unknown;
  readonly output?: unknown;
}

/** How `session/prompt` was answered. */
export interface AcpAnswer {
  readonly stopReason?: string | undefined;
  readonly usage?: Usage | undefined;
  /** What went wrong, in a word: it becomes `error.type`. */
  readonly failure?: string | undefined;
}

/** What is remembered of one turn. */
export interface AcpTurn {
  readonly run: RunId;
  /** Its tool calls, and whether they are still open. */
  readonly tools: Map<string, boolean>;
  /** The final text, in pieces. */
  readonly words: string[];
  cost?: { readonly amount: number; readonly currency: string } | undefined;
}

/** How much of a turn's final text is kept, in pieces as they come. */
const MAX_WORDS = 10_000;

/** The JSON-RPC code of a request that was cancelled. */
const CANCELLED = -32800;

export function startTurn(run: RunId): AcpTurn {
  return { run, tools: new Map(), words: [] };
}

/** The update inside a `session/update`. */
export function readUpdate(value: unknown): AcpUpdate {
  const update = recordOf(value);
  switch (update['sessionUpdate']) {
    case 'agent_message_chunk': {
      return { kind: 'text', text: text(recordOf(update['content'])['text']) ?? '' };
    }
    case 'tool_call':
    case 'tool_call_update': {
      const id = text(update['toolCallId']);
      if (id === undefined) return { kind: 'other' };
      const { rawInput, rawOutput, content } = update;
      // A title is made for people: it may be the command itself.
      const name = text(update['kind']) ?? 'other';
      const isUpdate = update['sessionUpdate'] === 'tool_call_update';
      return {
        kind: 'tool',
        tool: { id, isUpdate, name, status: text(update['status']), input: rawInput, output: rawOutput ?? content },
      };
    }
    case 'usage_update': {
      const { amount, currency } = recordOf(update['cost']);
      if (typeof amount !== 'number' || typeof currency !== 'string') return { kind: 'other' };
      return { kind: 'cost', amount, currency };
    }
    default:
      return { kind: 'other' };
  }
}

/** What an update means for its turn. Anything is a sign of life. */
export function* translateUpdate(turn: AcpTurn, update: AcpUpdate): Iterable<RunEvent> {
  const { run } = turn;
  switch (update.kind) {
    case 'text':
      if (turn.words.length < MAX_WORDS) turn.words.push(update.text);
      yield { type: 'model.output', run };
      return;
    case 'tool':
      yield* translateTool(turn, update.tool);
      return;
    case 'cost':
      turn.cost = update;
      yield { type: 'run.progress', run };
      return;
    case 'other':
      yield { type: 'run.progress', run };
      return;
  }
}

function* translateTool(turn: AcpTurn, tool: AcpTool): Iterable<RunEvent> {
  const { run } = turn;
  const { id: call, isUpdate, name, status, input, output } = tool;
  const isOpen = turn.tools.get(call);
  // An agent may use the id of a call that has ended again.
  if (isOpen || (isUpdate && isOpen !== undefined)) yield { type: 'run.progress', run };
  else {
    turn.tools.set(call, true);
    yield { type: 'tool.start', run, call, callId: call, tool: name, input: () => input };
  }
  if ((status === 'completed' || status === 'failed') && turn.tools.get(call)) {
    // The call is remembered: an agent may add to it after it has ended.
    turn.tools.set(call, false);
    const outcome: Outcome = status === 'failed' ? { kind: 'error', type: 'tool_error' } : { kind: 'ok' };
    yield { type: 'tool.end', run, call, outcome, output: () => output };
  }
}

/**
 * What was still on its way when the connection ended is not known: of a turn that was answered well, calls end with
 * it, and are not said to have failed.
 */
export function* closeTools(turn: AcpTurn, { failure }: AcpAnswer): Iterable<RunEvent> {
  if (failure !== undefined) return;
  for (const [call, isOpen] of turn.tools) {
    if (isOpen) yield { type: 'tool.end', run: turn.run, call, outcome: { kind: 'ok' } };
  }
}

/** The turn is over. `at`: when its answer came, if that was before now. */
export function endTurn(turn: AcpTurn, answer: AcpAnswer, at?: Millis): RunEvent {
  const { run, words, cost } = turn;
  return {
    type: 'run.end',
    run,
    at,
    outcome: outcomeOf(answer),
    usage: answer.usage,
    cost,
    output: () => words.join(''),
  };
}

function outcomeOf({ stopReason, failure }: AcpAnswer): Outcome {
  if (stopReason === 'cancelled' || failure === 'cancelled') return { kind: 'cancelled' };
  return failure === undefined ? { kind: 'ok' } : { kind: 'error', type: failure };
}

/** What `session/prompt` resolved to, or was rejected with. */
export function readAnswer(value: unknown, failed?: Failure): AcpAnswer {
  if (failed) return { failure: nameFailure(failed.error) };
  const { stopReason, usage } = recordOf(value);
  return { stopReason: text(stopReason), usage: readUsage(usage) };
}

/** A failure in a low-cardinality word: a problem's type (RFC 9457), a status of HTTP, a code of JSON-RPC or the system, else the error's name. */
export function nameFailure(error: unknown): string {
  const { status, problem, code, cause, name } = recordOf(error);
  const problemType = text(recordOf(problem)['type']);
  if (problemType?.startsWith('urn:')) return problemType.slice(problemType.lastIndexOf(':') + 1);
  if (typeof status === 'number') return String(status);
  if (code === CANCELLED || name === 'AbortError') return 'cancelled';
  if (typeof code === 'number') return String(code);
  return text(recordOf(cause)['code']) ?? text(code) ?? text(name) ?? 'error';
}

/**
 * The protocol does not say whether `inputTokens` counts cached ones: the total, "the sum of all token types", shows
 * it. The conventions count them in.
 */
function readUsage(value: unknown): Usage | undefined {
  const { inputTokens, outputTokens, cachedReadTokens, cachedWriteTokens, thoughtTokens, totalTokens } =
    recordOf(value);
  const [input, output, total] = [countOf(inputTokens), countOf(outputTokens), countOf(totalTokens)];
  if (input === undefined && output === undefined) return undefined;
  const [cacheRead, cacheWrite] = [countOf(cachedReadTokens), countOf(cachedWriteTokens)];
  const cached = (cacheRead ?? 0) + (cacheWrite ?? 0);
  const isApart = input !== undefined && (total ?? Infinity) >= input + (output ?? 0) + cached;
  return {
    input: isApart ? input + cached : input,
    output,
    cacheRead,
    cacheWrite,
    reasoning: countOf(thoughtTokens),
  };
}

/** The parameters of a prompt with a carrier in their `_meta`, as a copy. A trace context of the caller's own stays. */
export function withMeta(params: unknown, carrier: Carrier): unknown {
  const given = recordOf(params);
  const meta = recordOf(given['_meta']);
  if (Object.keys(carrier).length === 0 || 'traceparent' in meta) return params;
  return { ...given, _meta: { ...carrier, ...meta } };
}

/** A value's members, none if it is no object. */
export function recordOf(value: unknown): Readonly<Record<string, unknown>> {
  return isRecord(value) ? value : {};
}

/** The id of a JSON-RPC message, which may be a number or a text. */
export function idOf(value: unknown): string | undefined {
  return typeof value === 'string' || typeof value === 'number' ? String(value) : undefined;
}

function countOf(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isInteger(value) && value >= 0 ? value : undefined;
}
