import { INVALID_SPAN_CONTEXT, isSpanContextValid, trace, type Context, type Span } from '@opentelemetry/api';
import type { Ledger } from '../ledger.ts';
import type { CallStart, Recorder, Run, RunListener } from '../run.ts';
import type { Millis, RunStart } from '../run-event.ts';
import type { Session, SessionSource } from '../session/session.ts';

/**
 * For an engine that writes GenAI spans itself: runs have their sessions, so that the span processor puts them on the
 * engine's spans, and not a span of ours is written.
 */
export class StampRecorder implements Recorder {
  readonly #ledger: () => Ledger;
  readonly #listeners: readonly RunListener[];

  constructor(ledger: () => Ledger, listeners: readonly RunListener[]) {
    this.#ledger = ledger;
    this.#listeners = listeners;
  }

  startRun(run: Run, _event: RunStart, _at: Millis): Span {
    return spanIn(run.base);
  }

  identify(run: Run, at: Millis): void {
    for (const listener of this.#listeners) listener.identified?.(run, at);
  }

  bind(): void {}

  reject(engine: string, source: SessionSource, problem: string): void {
    this.#ledger().warnOnce(`${engine}: the ${source} session id is ignored: ${problem}`);
    for (const listener of this.#listeners) listener.rejected?.(engine, source);
  }

  startCall(_run: Run, _event: CallStart, _at: Millis, parent: Context): Span {
    return spanIn(parent);
  }

  output(): void {}

  wait(): void {}

  state(): void {}

  endCall(): void {}

  endRun(): void {}

  endSession(session: Session, at: Millis): void {
    for (const listener of this.#listeners) listener.sessionEnded?.(session, at);
  }

  below(context: Context, span: string): Context | undefined {
    const [, traceId = '', spanId = '', flags = ''] = TRACEPARENT.exec(span) ?? [];
    const engines = { traceId, spanId, traceFlags: Number.parseInt(flags, 16), isRemote: true };
    return isSpanContextValid(engines) ? trace.setSpanContext(context, engines) : undefined;
  }
}

const TRACEPARENT = /^[\da-f]{2}-([\da-f]{32})-([\da-f]{16})-([\da-f]{2})$/;

/** The span that is there: whatever it is told about a run of ours, it was not started for it. */
function spanIn(context: Context): Span {
  return trace.getSpan(context) ?? trace.wrapSpanContext(INVALID_SPAN_CONTEXT);
}
