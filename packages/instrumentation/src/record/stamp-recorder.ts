import { INVALID_SPAN_CONTEXT, isSpanContextValid, trace, type Context, type Span } from '@opentelemetry/api';
import type { CallStart, Run } from '../run.ts';
import type { Recorder } from '../recorder.ts';
import type { Millis, RunStart } from '../run-event.ts';
import { RunRecorder } from './run-recorder.ts';
import { tell } from './tell.ts';

/**
 * For an engine that writes GenAI spans itself: runs have their sessions and turns, so that the span processor puts
 * them on the engine's spans, and not a span of ours is written.
 */
export class StampRecorder extends RunRecorder implements Recorder {
  startRun(run: Run, _event: RunStart, _at: Millis): Span {
    return spanIn(run.base);
  }

  identify(run: Run, at: Millis): void {
    this.enterTurn(run);
    tell(this.listeners, (listener) => listener.identified?.(run, at));
  }

  bind(): void {}

  startCall(_run: Run, _event: CallStart, _at: Millis, parent: Context): Span {
    return spanIn(parent);
  }

  output(): void {}

  wait(): void {}

  state(): void {}

  endCall(): void {}

  endRun(): void {}

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
