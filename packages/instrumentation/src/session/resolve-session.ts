import { goodSessionId } from './session-id.ts';
import type { SessionSource } from './session.ts';

/** Every place an id can come from when a run starts. Values are as found: nobody has validated them yet. */
export interface SessionCandidates {
  /** An option of the call that observes. */
  readonly explicit?: unknown;
  /** A context attached to the execution object. */
  readonly attached?: unknown;
  /** `withSession` or a bound request envelope. */
  readonly context?: unknown;
  /** Inbound baggage, where it is trusted. */
  readonly baggage?: unknown;
  /** `TURNKEEPER_SESSION_ID`, in a process that serves one conversation. */
  readonly environment?: unknown;
  /** What the engine calls the conversation. */
  readonly engine?: unknown;
}

/** Who won. */
export interface ResolvedSession {
  readonly id: string;
  readonly source: SessionSource;
}

const PRECEDENCE = ['explicit', 'attached', 'context', 'baggage', 'environment', 'engine'] as const;

/**
 * The session's id: the first valid candidate of explicit, attached, context, baggage, environment, engine. A
 * blank candidate counts as absent; a bad one is passed over and told to `reject`, with what is wrong with it. Pure.
 */
export function resolveSession(
  candidates: SessionCandidates,
  reject: (source: SessionSource, problem: string) => void = () => {},
): ResolvedSession | undefined {
  for (const source of PRECEDENCE) {
    const id = goodSessionId(candidates[source], (problem) => reject(source, problem));
    if (id !== undefined) return { id, source };
  }
  return undefined;
}
