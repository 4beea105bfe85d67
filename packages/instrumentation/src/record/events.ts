import { channel } from 'node:diagnostics_channel';
import type { Attributes, Context, HrTime } from '@opentelemetry/api';
import { toHrTime } from '../clock.ts';
import type { Ledger } from '../ledger.ts';
import type { Run } from '../run.ts';
import type { RunListener } from '../recorder.ts';
import type { Millis } from '../run-event.ts';
import { activeContext, withFrame } from '../session/active-session.ts';
import type { Session, SessionSource } from '../session/session.ts';
import {
  ATTR_GEN_AI_CONVERSATION_ID,
  ATTR_SESSION_ID,
  ATTR_SESSION_PREVIOUS_ID,
  ATTR_TURNKEEPER_ENGINE_NAME,
  ATTR_TURNKEEPER_ENGINE_SESSION_ID,
  ATTR_TURNKEEPER_SESSION_SOURCE,
  EVENT_RUN_START,
  EVENT_SESSION_END,
  EVENT_SESSION_START,
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
function runInfo(run: Run): RunInfo {
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

/** A run inside another has the id from its context, though that had it from the engine. */
export function sourceOf(run: Run): SessionSource | undefined {
  const { source } = run.session;
  return source === 'engine' && run.isNested && !run.ownsSession ? 'context' : source;
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

/** Where run.start is published on `node:diagnostics_channel`, with the run's metadata as message. */
export const RUN_START_CHANNEL = 'turnkeeper:run.start';

/** A logger, as the API's; of the logs API of either line. */
export interface LoggerLike {
  emit(record: {
    readonly eventName: string;
    readonly attributes: Attributes;
    readonly timestamp: HrTime;
    readonly context?: Context;
  }): void;
}

/** Where loggers come from, as in the logs API of either line. */
export interface LoggerProviderLike {
  getLogger(name: string, version?: string): LoggerLike;
}

/**
 * Says what happens to sessions: `run.start` as a log event, on the diagnostics channel and to `onRunStart`,
 * `session.start` once for each session, `session.end` where an engine says so.
 */
export class EventsListener implements RunListener {
  readonly #logger: () => LoggerLike | undefined;
  readonly #ledger: () => Ledger;
  readonly #onRunStart: (info: RunInfo) => void;
  readonly #channel = channel(RUN_START_CHANNEL);

  constructor(logger: () => LoggerLike | undefined, ledger: () => Ledger, onRunStart: (info: RunInfo) => void) {
    this.#logger = logger;
    this.#ledger = ledger;
    this.#onRunStart = onRunStart;
  }

  identified(run: Run, at: Millis): void {
    try {
      this.#log(run, at);
    } finally {
      const info = runInfo(run);
      if (this.#channel.hasSubscribers) this.#channel.publish(info);
      this.#onRunStart(info);
    }
  }

  #log(run: Run, at: Millis): void {
    const logger = this.#logger();
    if (!logger) return;
    const { session, context } = run;
    const timestamp = toHrTime(at);
    if (session.id !== undefined && this.#ledger().isFirstOf(session.id)) {
      logger.emit({ eventName: EVENT_SESSION_START, attributes: sessionStartAttributes(session), timestamp, context });
    }
    logger.emit({ eventName: EVENT_RUN_START, attributes: runStartAttributes(run), timestamp, context });
  }

  sessionEnded(session: Session, at: Millis): void {
    if (session.id === undefined) return;
    const attributes = { [ATTR_SESSION_ID]: session.id };
    const context = withFrame(activeContext(), { session });
    this.#logger()?.emit({ eventName: EVENT_SESSION_END, attributes, timestamp: toHrTime(at), context });
  }
}

function sessionStartAttributes({ id, previousId }: Session): Attributes {
  const attributes: Attributes = { [ATTR_SESSION_ID]: id };
  if (previousId !== undefined) attributes[ATTR_SESSION_PREVIOUS_ID] = previousId;
  return attributes;
}
