import type { Context, Span } from '@opentelemetry/api';
import type { Call, CallEnd, CallStart, Run } from './run.ts';
import type { Millis, Outcome, RunEnd, RunStart, RunState, RunWait, Usage } from './run-event.ts';
import type { Session, SessionSource } from './session/session.ts';

/** Writes down what happens in runs. Called in order; ends come once, and after their start. */
export interface Recorder {
  /** The run has begun. Returns its span. */
  startRun(run: Run, event: RunStart, at: Millis): Span;
  /** Whether anybody hears of the calls of this run; absent: somebody does. */
  records?(run: Run): boolean;
  /** The run's session is known, or known to have no id. Once for each run. */
  identify(run: Run, at: Millis): void;
  /** The engine has said, after the start, what it calls the conversation. */
  bind(run: Run): void;
  /** A session id was no good. */
  reject(engine: string, source: SessionSource, problem: string): void;
  /** Returns the call's span, a child of the one in `parent`. */
  startCall(run: Run, event: CallStart, at: Millis, parent: Context): Span;
  /** The first output of a call, or of the run itself. */
  output(span: Span, startedAt: Millis, at: Millis): void;
  /** The run waits for a person. */
  wait(run: Run, event: RunWait, at: Millis): void;
  /** The engine has named a state of the run. */
  state(run: Run, event: RunState, at: Millis): void;
  /** `end` is undefined where the run ended around the call. */
  endCall(run: Run, call: Call, outcome: Outcome, end: CallEnd | undefined, at: Millis): void;
  endRun(run: Run, outcome: Outcome, end: RunEnd | undefined, usage: Usage | undefined, at: Millis): void;
  /** An engine has said that a session is over. */
  endSession(session: Session, at: Millis): void;
  /** This context, below a span of the engine's own, a W3C `traceparent`, where the engine's spans are the only ones. */
  below?(context: Context, span: string): Context | undefined;
}

/** What a listener beside the spans hears of the same. */
export interface RunListener {
  identified?(run: Run, at: Millis): void;
  /** Whether it wants to hear how calls and runs end, at the time that a run begins. */
  wantsEnds?(): boolean;
  rejected?(engine: string, source: SessionSource): void;
  callEnded?(run: Run, call: Call, outcome: Outcome, end: CallEnd | undefined, at: Millis): void;
  runEnded?(run: Run, outcome: Outcome, at: Millis): void;
  sessionEnded?(session: Session, at: Millis): void;
}
