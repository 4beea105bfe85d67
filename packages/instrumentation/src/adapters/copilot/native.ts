import type { Millis, Remote, RunId, Usage } from '../../adapter.ts';
import { isRecord, text } from '../../adapter.ts';
export { count, isRecord, text } from '../../adapter.ts';

/** What is observed of Copilot: a `CopilotClient` of `@github/copilot-sdk`, by its shape. */
export interface CopilotClient {
  createSession(config: never): Promise<object>;
  resumeSession(sessionId: string, config: never): Promise<object>;
}

/** What Copilot's seams deliver: plain data, as recordings hold it. `session` is the engine's id of the session. */
export type CopilotNative =
  /** A session was created or resumed, or is about to be under an id that is known already. */
  | {
      readonly kind: 'opened';
      readonly session: string;
      readonly provider?: string | undefined;
      readonly remote?: Remote | undefined;
    }
  | {
      readonly kind: 'sent';
      readonly run: RunId;
      readonly session: string;
      /** Sent to steer the turn that is going on, if there is one. */
      readonly joins: boolean;
      readonly input?: unknown;
    }
  /** `send` has returned: with the message's id, or it failed. */
  | {
      readonly kind: 'accepted';
      readonly run: RunId;
      readonly session: string;
      readonly message?: string | undefined;
      readonly failure?: string | undefined;
    }
  | {
      readonly kind: 'event';
      readonly session: string;
      /** The sub-agent whose event it is; absent: the session's own. */
      readonly agent?: string | undefined;
      readonly event: CopilotEvent;
      /** When it came, where it is delivered later. */
      readonly at?: Millis | undefined;
      /** An id for a run that nobody here asked for, where the event can begin one. */
      readonly fresh?: RunId | undefined;
    }
  /** The runtime asks something of the program: a listener or a handler is about to run. */
  | {
      readonly kind: 'request';
      readonly session: string;
      readonly request: CopilotRequest;
      readonly at?: Millis | undefined;
    }
  | {
      readonly kind: 'given' | 'refused';
      readonly session: string;
      readonly request: CopilotRequest;
      readonly at?: Millis | undefined;
    }
  /** The program asks to abort what it has sent. */
  | { readonly kind: 'abort'; readonly session: string }
  /** Nothing will come of this session any more. */
  | { readonly kind: 'closed'; readonly session: string; readonly why: 'disconnected' | 'create_failed' }
  /** The runtime is told the trace context, or an event without meaning for a run is dispatched. */
  | { readonly kind: 'place'; readonly session?: string | undefined; readonly agent?: string | undefined };

/** What the runtime asks: `permission` and the like are events, these are requests. */
export type CopilotRequest = 'answer' | 'plan' | 'mode' | 'hook' | 'system_message';

/** The session events that say something about a run. */
export type CopilotEvent =
  | {
      readonly type: 'prompt';
      readonly message?: string | undefined;
      readonly interaction?: string | undefined;
      readonly isSteering: boolean;
      readonly content?: unknown;
    }
  | { readonly type: 'turn_start'; readonly interaction?: string | undefined }
  | { readonly type: 'turn_end' }
  | { readonly type: 'answer'; readonly content?: unknown }
  | { readonly type: 'model_start'; readonly model?: string | undefined }
  | { readonly type: 'model_output' }
  | {
      readonly type: 'model_usage';
      readonly model?: string | undefined;
      readonly usage: Usage;
      readonly response?: string | undefined;
      readonly finish?: string | undefined;
      /** When the call began, as far as the runtime tells: of use where it has told of no call. */
      readonly began?: Millis | undefined;
    }
  | { readonly type: 'model_failure'; readonly error: string }
  | { readonly type: 'model_end'; readonly outcome: string }
  | { readonly type: 'tool_start'; readonly id: string; readonly tool: string; readonly input?: unknown }
  /** A tool of the program is about to run; it may come before the tool's own start. */
  | {
      readonly type: 'tool_request';
      readonly id: string;
      readonly tool: string;
      readonly owner?: string | undefined;
      /** The runtime's own span of it, where it traces itself. */
      readonly span?: string | undefined;
      readonly input?: unknown;
    }
  | { readonly type: 'tool_end'; readonly id: string; readonly error?: string | undefined; readonly output?: unknown }
  | {
      readonly type: 'agent_start';
      readonly id: string;
      readonly agent: string;
      readonly tool?: string | undefined;
      readonly inBackground: boolean;
    }
  | {
      readonly type: 'agent_end';
      readonly id: string;
      readonly outcome: 'ok' | 'cancelled' | 'error';
      readonly output?: unknown;
    }
  | { readonly type: 'wait'; readonly reason: string; readonly id: string; readonly tool?: string | undefined }
  /** What was waited for. */
  | { readonly type: 'given'; readonly id: string }
  | { readonly type: 'compaction_start' }
  | {
      readonly type: 'compaction_end';
      readonly error?: string | undefined;
      readonly model?: string | undefined;
      readonly usage: Usage;
    }
  | { readonly type: 'error'; readonly error: string }
  | { readonly type: 'abort' }
  | { readonly type: 'idle'; readonly wasAborted: boolean };

/** What an object has under this name, if that is an object; else an empty one. */
export function recordIn(object: object, name: string): Record<string, unknown> {
  const value: unknown = Reflect.get(object, name);
  return isRecord(value) ? value : {};
}

/** The session's id in a session, or in a request of the runtime's. */
export function sessionOf(params: unknown): string | undefined {
  return isRecord(params) ? text(params['sessionId']) : undefined;
}

/** What a session's configuration tells: its id where the caller chose it, and who serves its model. */
export function readConfig(value: unknown): {
  readonly id: string | undefined;
  readonly isCloud: boolean;
  readonly provider: string | undefined;
} {
  const { sessionId, cloud, provider }: Record<string, unknown> = isRecord(value) ? value : {};
  return {
    id: text(sessionId),
    isCloud: cloud !== undefined && cloud !== null,
    provider: isRecord(provider) ? (text(provider['type']) ?? 'openai') : undefined,
  };
}

/** An address that may be shown: without user, password, query and fragment. Undefined for what is no web address. */
export function readUrl(value: unknown): { readonly url: string; readonly host: string } | undefined {
  if (typeof value !== 'string' || !URL.canParse(value)) return undefined;
  const { protocol, host, hostname, pathname } = new URL(value);
  return protocol === 'https:' || protocol === 'http:'
    ? { url: `${protocol}//${host}${pathname}`, host: hostname }
    : undefined;
}

/** A status, or a short word; an engine's sentences may quote a user. */
export function word(value: unknown): string | undefined {
  if (typeof value === 'number') return String(value);
  return typeof value === 'string' && /^[\w.-]{1,64}$/.test(value) ? value : undefined;
}
