import type { Attributes } from '@opentelemetry/api';
import type { Run } from '../run.ts';
import type { SessionSource } from '../session/session.ts';
import {
  ATTR_GEN_AI_CONVERSATION_ID,
  ATTR_SESSION_ID,
  ATTR_SESSION_PREVIOUS_ID,
  ATTR_TURNKEEPER_ENGINE_NAME,
  ATTR_TURNKEEPER_ENGINE_SESSION_ID,
  ATTR_TURNKEEPER_SESSION_SOURCE,
} from './semconv.ts';

/** What a run's metadata says: the value that `onRunStart` gets. The ids are those on the run's root span. */
export interface RunInfo {
  readonly session: {
    /** Undefined where nobody gave an id. */
    readonly id: string | undefined;
    readonly source: SessionSource | undefined;
    readonly previousId: string | undefined;
  };
  readonly engine: {
    readonly name: string;
    /** What the engine calls the conversation, where that is not `session.id`. */
    readonly sessionId: string | undefined;
  };
  /** 1 for the session's first turn in this process; undefined for nested runs, upkeep, and without a session. */
  readonly turn: number | undefined;
  readonly traceId: string;
  readonly spanId: string;
}

/** The metadata of a run that has begun. */
export function runInfo(run: Run): RunInfo {
  const { session, engine, engineSession, turn } = run;
  const span = run.span?.spanContext();
  return {
    session: { id: session.id, source: sourceOf(run), previousId: session.previousId },
    engine: { name: engine, sessionId: engineSession },
    turn,
    traceId: span?.traceId ?? '',
    spanId: span?.spanId ?? '',
  };
}

/** A run that inherits its session has the id from its context, wherever that had it from. */
export function sourceOf(run: Run): SessionSource | undefined {
  const { source } = run.session;
  return run.ownsSession || source === undefined || source === 'generated' ? source : 'context';
}

/** The attributes of the `run.start` event. */
export function runStartAttributes(run: Run): Attributes {
  const { session, engine, engineSession } = run;
  const attributes: Attributes = { [ATTR_TURNKEEPER_ENGINE_NAME]: engine };
  const source = sourceOf(run);
  if (session.id !== undefined && source !== undefined) {
    attributes[ATTR_SESSION_ID] = session.id;
    attributes[ATTR_TURNKEEPER_SESSION_SOURCE] = source;
    if (source !== 'generated') attributes[ATTR_GEN_AI_CONVERSATION_ID] = session.id;
  }
  if (engineSession !== undefined) attributes[ATTR_TURNKEEPER_ENGINE_SESSION_ID] = engineSession;
  if (session.previousId !== undefined) attributes[ATTR_SESSION_PREVIOUS_ID] = session.previousId;
  return attributes;
}
