import type { RunId, Usage } from '../../adapter.ts';
import { count, isRecord, text } from '../../adapter.ts';
export { isRecord, text } from '../../adapter.ts';

/**
 * What is observed of Pi: an `AgentSession` of `@earendil-works/pi-coding-agent`. By its shape, so that every version
 * from 0.79 to 1.5 fits and nobody needs its types.
 */
export interface PiSession {
  readonly sessionId: string;
  readonly agent: object;
  readonly model?: unknown;
  subscribe(listener: (event: unknown) => void): () => void;
}

/** The methods of a session that can start a run. */
export type PiMethod = 'prompt' | 'sendCustomMessage' | 'compact' | 'navigateTree';

/** What can be stopped by itself. */
export type PiWork = 'turn' | 'compact' | 'navigateTree';

/** What Pi's seams deliver: plain data, as recordings hold it. */
export type PiNative =
  | {
      readonly kind: 'called';
      readonly run: RunId;
      readonly via: PiMethod;
      readonly session?: string | undefined;
      readonly provider?: string | undefined;
      readonly input?: unknown;
    }
  | { readonly kind: 'returned'; readonly run: RunId; readonly failure?: string | undefined }
  | { readonly kind: 'event'; readonly place: PiPlace; readonly event: PiEvent }
  /** The turn that is going on says more, or does: a model streams, a tool tells how far it is. */
  | { readonly kind: 'progress' }
  | {
      readonly kind: 'model';
      readonly place: PiPlace;
      readonly call: string;
      readonly model?: string | undefined;
      readonly provider?: string | undefined;
      readonly input?: unknown;
    }
  /** A model call that nobody hears of: all that it needs is its headers. */
  | { readonly kind: 'unheard' }
  | { readonly kind: 'model-output'; readonly call: string }
  | {
      readonly kind: 'model-end';
      readonly call: string;
      readonly message?: PiMessage | undefined;
      readonly failure?: string | undefined;
      /** Who asked has stopped it by then. Of a call that begins after that, Pi says that it failed. */
      readonly isAborted?: boolean | undefined;
    }
  | { readonly kind: 'tool'; readonly run?: RunId | undefined; readonly id: string }
  /** Somebody wants this work to stop; absent: all that is at work. */
  | { readonly kind: 'aborted'; readonly work?: PiWork | undefined }
  | { readonly kind: 'disposed' }
  /** What was put off when `run` asked for it is done. */
  | { readonly kind: 'deferred'; readonly run: RunId };

/** Where work shows: in the run that was executing there, else perhaps in one that nobody called. */
export interface PiPlace {
  readonly run?: RunId | undefined;
  /** An id for the run that nobody called, and what it would need to know; absent where none can begin. */
  readonly fresh?: RunId | undefined;
  readonly session?: string | undefined;
  readonly provider?: string | undefined;
}

/** The session events that say something about a run. */
export type PiEvent =
  | { readonly type: 'agent_start' | 'agent_end' }
  | { readonly type: 'message_end'; readonly message: PiMessage }
  | {
      readonly type: 'tool_execution_start';
      readonly toolCallId: string;
      readonly toolName: string;
      /** The call of the tool that calls this one, as tools do since 1.0. */
      readonly parentToolCallId?: string | undefined;
      readonly args?: unknown;
    }
  | {
      readonly type: 'tool_execution_end';
      readonly toolCallId: string;
      readonly isError: boolean;
      readonly result?: unknown;
    }
  | { readonly type: 'agent_settled'; readonly aborted?: boolean | undefined };

/** What an assistant's message tells besides its content. */
export interface PiMessage {
  readonly model?: string | undefined;
  readonly responseId?: string | undefined;
  readonly stopReason?: string | undefined;
  readonly errorMessage?: string | undefined;
  readonly usage?: Usage | undefined;
  readonly content?: unknown;
}

/** A session event as one of those above; undefined for all others. Called often: the cheap test comes first. */
export function readEvent(value: unknown): PiEvent | undefined {
  if (!isRecord(value)) return undefined;
  const { type } = value;
  switch (type) {
    case 'agent_start':
    case 'agent_end':
      return { type };
    case 'message_end': {
      const message = value['message'];
      return isRecord(message) && message['role'] === 'assistant'
        ? { type: 'message_end', message: readMessage(message) }
        : undefined;
    }
    case 'tool_execution_start': {
      const { toolCallId, toolName, parentToolCallId, args } = value;
      if (typeof toolCallId !== 'string') return undefined;
      const names = { toolName: text(toolName) ?? 'unknown', parentToolCallId: text(parentToolCallId) };
      return { type: 'tool_execution_start', toolCallId, ...names, args };
    }
    case 'tool_execution_end': {
      const { toolCallId, isError, result } = value;
      if (typeof toolCallId !== 'string') return undefined;
      return { type: 'tool_execution_end', toolCallId, isError: isError === true, result };
    }
    case 'agent_settled':
      return { type: 'agent_settled', aborted: value['aborted'] === true };
    default:
      return undefined;
  }
}

/** Whether the turn at work is the session's own, so that it settles: one that is asked of the agent does not. */
export function willSettle(session: PiSession): boolean {
  return Reflect.get(session, '_isAgentRunActive') === true;
}

/** Whether the turn at work waits to ask its model again. */
export function isRetrying(session: PiSession): boolean {
  return Reflect.get(session, 'isRetrying') === true;
}

/** Whether what was asked with these options has been stopped. */
export function isAborted(options: unknown): boolean {
  const signal = isRecord(options) ? options['signal'] : undefined;
  return isRecord(signal) && signal['aborted'] === true;
}

/** What `stream.result()` gives, and what `message_end` carries. */
export function readMessage(value: unknown): PiMessage {
  if (!isRecord(value)) return {};
  return {
    model: text(value['responseModel']) ?? text(value['model']),
    responseId: text(value['responseId']),
    stopReason: text(value['stopReason']),
    errorMessage: text(value['errorMessage']),
    usage: readUsage(value['usage']),
    content: value['content'],
  };
}

/** Pi counts cached tokens beside `input`; the conventions count them in it. */
function readUsage(value: unknown): Usage | undefined {
  if (!isRecord(value)) return undefined;
  const [input, output, cacheRead, cacheWrite] = ['input', 'output', 'cacheRead', 'cacheWrite'].map((key) =>
    count(value[key]),
  );
  if (input === undefined && output === undefined) return undefined;
  return {
    input: input === undefined ? input : input + (cacheRead ?? 0) + (cacheWrite ?? 0),
    output,
    cacheRead,
    cacheWrite,
    reasoning: count(value['reasoning']),
  };
}

/** A model as Pi passes it to its stream function. */
export function readModel(value: unknown): {
  readonly id?: string | undefined;
  readonly provider?: string | undefined;
} {
  if (!isRecord(value)) return {};
  return { id: text(value['id']), provider: text(value['provider']) };
}

/** Tells where a model is served. A session asks few models: the last answer is kept. */
export function hostReader(): (model: unknown) => string {
  let last: unknown;
  let host = '';
  return (model) => {
    const url = isRecord(model) ? model['baseUrl'] : undefined;
    if (url !== last) host = typeof url === 'string' && URL.canParse(url) ? new URL(url).hostname : '';
    last = url;
    return host;
  };
}

/** What failed, by its class: its words may quote a user. */
export function nameOf(error: unknown): string {
  return error instanceof Error ? error.name : 'error';
}
