import type { Remote, RunId } from '../../adapter.ts';
import type { CopilotEvent } from './native.ts';

/** One prompt and what comes of it; or work that nobody here asked for. */
export interface Turn {
  readonly run: RunId;
  /** Whether `run.start` was said: at once, but for a message that is to join a turn going on. */
  isStarted: boolean;
  /** Whether the runtime works on it. */
  hasBegun: boolean;
  /** Whether the program has asked for an abort since it was sent. */
  isDoomed: boolean;
  /** Whether it was aborted, at work or in the queue: the runtime drops it. */
  wasAborted: boolean;
  /** The runtime's id of the message, once it has accepted it. */
  message?: string | undefined;
  interaction?: string | undefined;
  /** What went wrong last; a model's answer mends it. */
  error?: string | undefined;
  answer?: unknown;
  models: number;
  /** The open model call of each agent; the session's own under the empty name. */
  readonly open: Map<string, ModelCall>;
  /** The sub-agents at work, each with the tool call that waits for it. */
  readonly agents: Map<string, string | undefined>;
  readonly tools: Set<string>;
  /** The ends of tools that are to wait for their sub-agent's. */
  readonly held: Map<string, Extract<CopilotEvent, { type: 'tool_end' }>>;
  /** Tools that were asked for in a session of the runtime's own, by call. */
  readonly asked: Map<string, string>;
  /** Which sub-agent a session of the runtime's own belongs to. */
  readonly owners: Map<string, string>;
}

/** A model call of which the runtime has told the start. */
export interface ModelCall {
  readonly call: string;
  error?: string | undefined;
  usage?: Extract<CopilotEvent, { type: 'model_usage' }> | undefined;
}

/** What is known of one session. */
export interface SessionState {
  readonly id: string;
  provider: string;
  remote?: Remote | undefined;
  /** The model that answered last: what upkeep will ask. */
  model?: string | undefined;
  /** The turns, first the one that the runtime works on; the others wait in its queue. */
  readonly turns: Turn[];
  /** The compactions under way, by sub-agent. */
  readonly compactions: Map<string | undefined, Turn>;
}

/** Copilot's own name where no other provider is configured. */
const PROVIDER = 'github';

export function newSession(id: string): SessionState {
  return { id, provider: PROVIDER, turns: [], compactions: new Map() };
}

export function newTurn(run: RunId): Turn {
  return {
    run,
    isStarted: false,
    hasBegun: false,
    isDoomed: false,
    wasAborted: false,
    models: 0,
    open: new Map(),
    agents: new Map(),
    tools: new Set(),
    held: new Map(),
    asked: new Map(),
    owners: new Map(),
  };
}
