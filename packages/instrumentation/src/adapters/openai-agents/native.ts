import type { Outcome, RunId, Tap, Usage } from '../../adapter.ts';
import { count, isRecord, text } from '../../adapter.ts';
export { isRecord, text } from '../../adapter.ts';

/**
 * What is observed of OpenAI Agents: the `Runner` class of `@openai/agents-core`. By its shape, so that nobody needs
 * its types; the ES module and the CommonJS copy of the package each have a class of their own.
 */
export interface OpenAIRunnerClass {
  readonly prototype: object;
}

/** What the seams of OpenAI Agents deliver: plain data, as recordings hold it. */
export type OpenAIAgentsNative =
  | ({ readonly kind: 'called'; readonly run: RunId; readonly input?: unknown } & OpenAICall)
  | {
      readonly kind: 'returned';
      readonly run: RunId;
      readonly outcome: Outcome;
      /** The run stopped for approvals: a person decides, and a new run goes on from its state. */
      readonly waits?: boolean | undefined;
      readonly session?: string | undefined;
      readonly output?: unknown;
    }
  | { readonly kind: 'agent'; readonly run: RunId; readonly agent: string }
  | { readonly kind: 'handoff'; readonly run: RunId; readonly agent: string }
  | { readonly kind: 'agent-end'; readonly run: RunId; readonly output?: unknown }
  | {
      readonly kind: 'tool';
      readonly run: RunId;
      readonly call: string;
      readonly callId?: string | undefined;
      readonly tool: string;
      readonly input?: unknown;
    }
  | {
      readonly kind: 'tool-end';
      readonly run: RunId;
      readonly call: string;
      readonly outcome: Outcome;
      readonly output?: unknown;
    }
  | {
      readonly kind: 'model';
      readonly run: RunId;
      readonly call: string;
      readonly model?: string | undefined;
      readonly provider?: string | undefined;
      readonly input?: unknown;
    }
  | { readonly kind: 'model-output'; readonly run: RunId; readonly call: string }
  | {
      readonly kind: 'model-end';
      readonly run: RunId;
      readonly call: string;
      readonly outcome: Outcome;
      readonly response?: OpenAIResponse | undefined;
    }
  | {
      readonly kind: 'step';
      readonly run: RunId;
      readonly call: string;
      readonly within?: string | undefined;
      readonly step: 'session' | 'guardrail' | 'run';
      readonly name: string;
    }
  | {
      readonly kind: 'step-end';
      readonly run: RunId;
      readonly call: string;
      readonly outcome: Outcome;
      /** What the session is called by now: some learn it with their first read. */
      readonly session?: string | undefined;
    };

export type OpenAITap = Tap<OpenAIAgentsNative>;

/** What a call of `run` says before anything happens. */
export interface OpenAICall {
  /** The agent at work: where a stopped run goes on, the one it stopped at. */
  readonly agent?: string | undefined;
  /** Several agents may take part. */
  readonly workflow?: string | undefined;
  /** The id of the conversation: `conversationId`, else the session's own. */
  readonly session?: string | undefined;
  /** There is a session that will say later what it is called. */
  readonly isSessionLate?: boolean | undefined;
  /** The id to fall back to. */
  readonly group?: string | undefined;
}

/** What a model's answer tells. */
export interface OpenAIResponse {
  readonly id?: string | undefined;
  readonly model?: string | undefined;
  readonly usage?: Usage | undefined;
  readonly finish?: string | undefined;
  readonly output?: unknown;
}

/** What the SDK calls a workflow that nobody has named. */
const UNNAMED_WORKFLOW = 'Agent workflow';

/** `runner.run(agent, input, options)`, read without calling anything of the engine's. */
export function readCall(runner: unknown, args: readonly unknown[]): OpenAICall {
  const [starting, input, options] = args;
  const state = readState(input);
  const agents = [starting, state?.['_currentAgent']].filter(isRecord);
  const agent = text(agents.at(-1)?.['name']);
  const config = recordIn(runner, 'config');
  const named = text(config?.['workflowName']);
  const workflow = agents.some(hasCompany)
    ? ((named === UNNAMED_WORKFLOW ? undefined : named) ?? text(agents[0]?.['name']) ?? named)
    : undefined;
  const session = sessionOf(options);
  const conversation = text(recordOf(options)?.['conversationId']) ?? text(state?.['_conversationId']);
  const own = conversation ?? sessionIdOf(session);
  return {
    agent,
    workflow,
    session: own,
    isSessionLate: own === undefined && isNamedLater(session),
    group: text(config?.['groupId']) ?? text(recordIn(state, '_trace')?.['groupId']),
  };
}

/** The session store that a run is given. */
export function sessionOf(options: unknown): Record<string, unknown> | undefined {
  return recordIn(options, 'session');
}

/** A run's state, where it is what a run goes on from. */
export function readState(input: unknown): Record<string, unknown> | undefined {
  return isRecord(input) && '_currentAgent' in input && '_context' in input ? input : undefined;
}

/**
 * What a session is called, without asking: `getSessionId()` creates a remote conversation in some, so only the
 * property is read. The SDK's compaction has none of its own: it is called what its store is called.
 */
export function sessionIdOf(session: Record<string, unknown> | undefined): string | undefined {
  try {
    return text(session?.['sessionId']) ?? text(recordIn(session, 'underlyingSession')?.['sessionId']);
  } catch {
    // The session's own code, which the engine never runs: a run is not lost for it.
    return undefined;
  }
}

function isNamedLater(session: Record<string, unknown> | undefined): boolean {
  if (session === undefined) return false;
  const inner = recordIn(session, 'underlyingSession');
  return 'sessionId' in session || (inner !== undefined && 'sessionId' in inner);
}

/** Whether this agent declares others: handoffs, or agents as tools (function tools with a stream to listen to). */
function hasCompany(agent: Record<string, unknown>): boolean {
  const { handoffs, tools } = agent;
  if (Array.isArray(handoffs) && handoffs.length > 0) return true;
  return Array.isArray(tools) && tools.some((tool) => isRecord(tool) && typeof tool['on'] === 'function');
}

/** Somebody gave it up. */
export const CANCELLED: Outcome = { kind: 'cancelled' };

/** How a run ended whose promise gave this. */
export function readResult(
  result: unknown,
  signal: unknown,
): {
  readonly outcome: Outcome;
  readonly waits: boolean;
  readonly output: unknown;
} {
  const step = recordIn(recordIn(result, 'state'), '_currentStep');
  const waits = step?.['type'] === 'next_step_interruption';
  const isFinal = step?.['type'] === 'next_step_final_output';
  const isCancelled = recordOf(result)?.['cancelled'] === true && !isFinal && !waits;
  return {
    outcome: isCancelled ? (readAbort(signal) ?? CANCELLED) : { kind: 'ok' },
    waits,
    output: isFinal ? step['output'] : undefined,
  };
}

/** How something ended that failed. */
export function readFailure(error: unknown, signal?: unknown): Outcome {
  const name = nameOf(error);
  if (name === 'AbortError' || name === 'APIUserAbortError') return readAbort(signal) ?? CANCELLED;
  return readAbort(signal) ?? { kind: 'error', type: name };
}

/** How something ended whose signal is aborted: who aborts gets what they asked for, but time that runs out is an error. */
export function readAbort(signal: unknown): Outcome | undefined {
  if (recordOf(signal)?.['aborted'] !== true) return undefined;
  const reason = nameOf(recordOf(signal)?.['reason']);
  return reason.includes('Timeout') ? { kind: 'error', type: reason } : CANCELLED;
}

/** The HTTP status of a provider's refusal, else the name of the error's class. */
function nameOf(error: unknown): string {
  if (!isRecord(error)) return 'error';
  const status = error['status'];
  if (typeof status === 'number' && status >= 400 && status < 600) return String(status);
  const own = text(error['name']);
  if (own !== undefined && own !== 'Error') return own;
  const constructor = error['constructor'];
  return (typeof constructor === 'function' ? text(constructor.name) : undefined) ?? own ?? 'error';
}

/** A model as far as it says what it is. `asked`: the name its provider was asked for. */
export function readModel(
  model: object,
  asked: string | undefined,
): { readonly model: string | undefined; readonly provider: string | undefined } {
  const record = recordOf(model) ?? {};
  return {
    model: text(record['_model']) ?? asked ?? text(record['model']) ?? text(record['modelId']),
    provider: model.constructor?.name.startsWith('OpenAI') ? 'openai' : undefined,
  };
}

/** What `getResponse` gives, and what the event `response_done` of a stream carries. */
export function readResponse(value: unknown): OpenAIResponse | undefined {
  const response = recordOf(value);
  if (response === undefined) return undefined;
  const raw = recordIn(response, 'providerData');
  const { output } = response;
  return {
    id: text(response['responseId']) ?? text(response['id']),
    model: text(raw?.['model']),
    usage: readUsage(response['usage']),
    finish: readFinish(raw, output),
    output,
  };
}

/** The last word of a stream, if this event is it. */
export function readDone(event: unknown): OpenAIResponse | undefined {
  const record = recordOf(event);
  return record?.['type'] === 'response_done' ? readResponse(record['response']) : undefined;
}

/** The SDK fills in zeros where a model reports nothing. */
function readUsage(value: unknown): Usage | undefined {
  const usage = recordOf(value);
  // No model answers to nothing, while one may well give nothing.
  const input = count(usage?.['inputTokens']) || undefined;
  const output = count(usage?.['outputTokens']);
  if (usage === undefined || !(input || output)) return undefined;
  return {
    input,
    output,
    cacheRead: detail(usage['inputTokensDetails'], 'cached_tokens'),
    reasoning: detail(usage['outputTokensDetails'], 'reasoning_tokens'),
  };
}

/** Details come as an object, or as a list with one for each request. */
function detail(details: unknown, name: string): number | undefined {
  const all = (Array.isArray(details) ? details : [details]).map((entry) => count(recordOf(entry)?.[name]));
  const known = all.filter((entry) => entry !== undefined);
  return known.length === 0 ? undefined : known.reduce((sum, entry) => sum + entry, 0);
}

const FINISH: Readonly<Record<string, string>> = {
  tool_calls: 'tool_call',
  function_call: 'tool_call',
  max_output_tokens: 'length',
};

/** Chat Completions say why they stopped, Responses why they did not complete: since 0.18 those are errors in this SDK. */
function readFinish(raw: Record<string, unknown> | undefined, output: unknown): string | undefined {
  const choices = raw?.['choices'];
  const choice = Array.isArray(choices) ? recordOf(choices[0])?.['finish_reason'] : undefined;
  const said = text(choice) ?? text(recordIn(raw, 'incomplete_details')?.['reason']);
  if (said !== undefined) return FINISH[said] ?? said;
  if (raw?.['status'] !== 'completed') return undefined;
  const calls = Array.isArray(output) && output.some((item) => recordOf(item)?.['type'] === 'function_call');
  return calls ? 'tool_call' : 'stop';
}

export function recordOf(value: unknown): Record<string, unknown> | undefined {
  return isRecord(value) ? value : undefined;
}

export function recordIn(value: unknown, key: string): Record<string, unknown> | undefined {
  return isRecord(value) ? recordOf(value[key]) : undefined;
}
