import { INVALID_SPAN_CONTEXT, trace, type Context, type Span } from '@opentelemetry/api';
import type { Recorder } from './recorder.ts';
import type {
  AgentEnd,
  AgentStart,
  CallId,
  Millis,
  ModelEnd,
  ModelStart,
  Outcome,
  RunEnd,
  RunEvent,
  RunStart,
  SessionBind,
  StepEnd,
  StepStart,
  ToolEnd,
  ToolStart,
  Usage,
} from './run-event.ts';
import {
  aroundWhatIsOver,
  frameIn,
  withFrame,
  withFrameAndSpan,
  type Attached,
  type EnclosingRun,
  type Frame,
  type RunPhase,
} from './session/active-session.ts';
import { goodSessionId, isSessionId } from './session/session-id.ts';
import type { Session } from './session/session.ts';
import type { Failure } from './wrap-method.ts';

export type CallStart = AgentStart | ModelStart | ToolStart | StepStart;
type CallKind = 'agent' | 'model' | 'tool' | 'step';
export type CallEnd = AgentEnd | ModelEnd | ToolEnd | StepEnd;

/** One call of a model, a tool, an agent or a step, while it is open. */
export interface Call {
  readonly id: CallId;
  readonly kind: CallKind;
  readonly startedAt: Millis;
  /** How it began. */
  readonly start: CallStart;
  /** What work of this call runs in. */
  readonly context: Context;
  readonly span: Span;
  hasOutput: boolean;
}

/** Where a run comes from. */
export interface RunOrigin {
  readonly id: string;
  readonly engine: string;
  readonly attachment: Attached;
  /** The context of whoever called. */
  readonly base: Context;
  readonly calledAt: Millis;
  readonly session: Session;
  /** Whether an engine's id may be bound to the session: not where it was inherited. */
  readonly ownsSession: boolean;
  /** The program's own code, and no engine. */
  readonly isService: boolean;
}

const KINDS: Readonly<Record<CallStart['type'], CallKind>> = {
  'agent.start': 'agent',
  'model.start': 'model',
  'tool.start': 'tool',
  'step.start': 'step',
};

/** Stands for the spans of calls that nobody hears of. */
const UNRECORDED: Span = trace.wrapSpanContext(INVALID_SPAN_CONTEXT);

/** How many calls of one run are open; the oldest is closed as unfinished. */
const MAX_OPEN_CALLS = 10_000;

/**
 * One run: pending from the call that may become it, open from the first evidence of work, closed by its end. Keeps
 * the order: an end without a start, a second start of what is open and anything after the end are dropped; what is
 * open when the run ends is closed with it. Models repeat the ids of calls: one that has ended may be used again.
 */
export class Run {
  readonly id: string;
  readonly engine: string;
  /** The context of whoever called, without what is over by the time that the run is. */
  base: Context;
  readonly calledAt: Millis;
  readonly session: Session;
  readonly ownsSession: boolean;
  /** What work of this run runs in: while there is no span yet, its span is the caller's. */
  readonly context: Context;
  /** The run's name: the agent's, or the workflow's. */
  name: string;
  /** Who serves it. */
  provider: string;
  startedAt: Millis;
  /** Upkeep that is no turn of the conversation. */
  task: string | undefined;
  /** Several agents take part: the run is none of them. */
  isWorkflow = false;
  /** 1 for the session's first turn; undefined for nested runs, upkeep and runs without a session. */
  turn: number | undefined;
  lastEventAt: Millis;
  /** Whether anybody hears of its calls. */
  isRecorded = true;
  /** Whether a listener does, besides what is written on spans. Kept by recorders. */
  isListenedTo = false;
  readonly #attachment: Attached;
  readonly #recorder: Recorder;
  readonly #calls = new Map<CallId, Call>();
  /** The waits that are to be ended by name; undefined: the one that any event ends. */
  #waits: Set<string | undefined> | undefined;
  #phase: RunPhase = 'pending';
  readonly #phaseNow = (): RunPhase => this.#phase;
  readonly #traceNow = (): string | undefined => this.#span?.spanContext().traceId;
  #span: Span | undefined;
  #usage: Usage | undefined;
  #hasOutput = false;
  #isIdentified = false;
  #stableId: string | undefined;
  #volatileId: string | undefined;

  constructor(origin: RunOrigin, recorder: Recorder) {
    this.id = origin.id;
    this.engine = origin.engine;
    this.name = origin.engine;
    this.provider = origin.engine;
    this.base = origin.base;
    this.calledAt = origin.calledAt;
    this.lastEventAt = origin.calledAt;
    this.startedAt = origin.calledAt;
    this.session = origin.session;
    this.ownsSession = origin.ownsSession;
    this.#attachment = origin.attachment;
    this.#recorder = recorder;
    const callers = trace.getSpan(origin.base);
    this.context = withFrameAndSpan(
      origin.base,
      this.#frame(origin.isService ? 'service' : 'run'),
      () => this.#span ?? callers,
    );
  }

  get isPending(): boolean {
    return this.#phase === 'pending';
  }

  get isOpen(): boolean {
    return this.#phase === 'open';
  }

  /** For a person: as long as that takes. */
  get isWaiting(): boolean {
    return this.#waits !== undefined && this.#waits.size > 0;
  }

  /** The run's span, once it has begun. */
  get span(): Span | undefined {
    return this.#span;
  }

  /** Whether the run began inside another one, which is still going on. */
  get isNested(): boolean {
    return frameIn(this.base)?.run?.phase() === 'open';
  }

  /** The context that work of the run, or of one of its open calls, runs in; undefined where there is none. */
  contextOf(call: CallId | undefined): Context | undefined {
    if (this.#phase === 'closed') return undefined;
    return call === undefined ? this.context : this.#calls.get(call)?.context;
  }

  /** The first evidence of work. */
  begin(event: RunStart, at: Millis): void {
    if (this.#phase !== 'pending') return;
    this.#phase = 'open';
    this.name = event.workflow ?? event.agent ?? this.engine;
    this.provider = event.provider ?? this.engine;
    this.task = event.task;
    this.isWorkflow = event.workflow !== undefined;
    this.lastEventAt = at;
    this.startedAt = Math.min(at, this.calledAt);
    this.#offer(event.session, event.engineSession);
    this.#continue(event.previousSession);
    this.#span = this.#recorder.startRun(this, event, this.startedAt);
    this.isRecorded = this.#recorder.records?.(this) ?? true;
    this.session.whenKnown(() => this.#identify());
  }

  #identify(): void {
    if (this.#isIdentified) return;
    this.#isIdentified = true;
    this.#recorder.identify(this, this.startedAt);
  }

  /** The engine says what it calls the conversation. */
  bind(event: SessionBind): void {
    if (this.#phase !== 'open') return;
    this.#offer(event.id, event.engineSession);
    this.#recorder.bind(this);
  }

  /** Whether the engine calls the conversation so. */
  isOf({ session, engineSession }: RunStart): boolean {
    const own = this.#stableId ?? this.#volatileId;
    return own !== undefined && own === (session ?? engineSession);
  }

  /** What the engine calls the conversation, where that is not the session's id. */
  get engineSession(): string | undefined {
    const { id } = this.session;
    return [this.#stableId, this.#volatileId].find((own) => own !== undefined && own !== id);
  }

  /** Everything but the run's own start and the session's bind. */
  handle(event: Exclude<RunEvent, { type: 'run.start' | 'session.bind' | 'session.end' }>, at: Millis): void {
    if (this.#phase !== 'open') return;
    this.lastEventAt = Math.max(this.lastEventAt, at);
    this.#waits?.delete(undefined);
    switch (event.type) {
      case 'run.wait':
        this.#waits ??= new Set();
        if (this.#waits.size < MAX_OPEN_CALLS) this.#waits.add(event.wait);
        this.#recorder.wait(this, event, at);
        return;
      case 'run.resume':
        this.#waits?.delete(event.wait);
        return;
      case 'run.state':
        this.#recorder.state(this, event, at);
        return;
      case 'run.progress':
        return;
      case 'run.end':
        this.end(event.outcome, event);
        return;
      case 'model.output':
        this.#output(event.call, at);
        return;
      case 'agent.start':
      case 'model.start':
      case 'tool.start':
      case 'step.start':
        this.#startCall(event, at);
        return;
      case 'agent.end':
      case 'model.end':
      case 'tool.end':
      case 'step.end':
        this.#endCall(event, at);
        return;
    }
  }

  /**
   * Ends the run at its last event, and before it everything that is still open, innermost first. A second end changes
   * nothing.
   */
  end(outcome: Outcome, event?: RunEnd): void {
    if (this.#phase !== 'open') return;
    const endedAt = this.lastEventAt;
    const unfinished: Outcome = outcome.kind === 'ok' ? { kind: 'error', type: 'unfinished' } : outcome;
    const calls = this.isRecorded ? [...this.#calls.values()] : [];
    this.#phase = 'closed';
    // Of turns that each begin before the one around them ends, the last would keep all.
    this.base = aroundWhatIsOver(this.base);
    this.#calls.clear();
    let failure: Failure | undefined;
    // A processor that fails at the end of one keeps no other open.
    for (const call of calls.toReversed()) {
      try {
        this.#recorder.endCall(this, call, unfinished, undefined, endedAt);
      } catch (error) {
        failure = { error };
      }
    }
    // A nested run may end before the session around it is known: what it says of itself goes before its end.
    this.session.hold(() => this.#identify());
    this.#recorder.endRun(this, outcome, event, event?.usage ?? this.#usage, endedAt);
    if (failure) throw failure.error;
  }

  /** The call is over and showed no work: it was no run. */
  forget(): void {
    if (this.#phase === 'pending') this.#phase = 'closed';
  }

  #continue(previousId: string | undefined): void {
    const previous = this.#checked(previousId);
    if (previous !== undefined && this.ownsSession) this.session.continues(previous);
  }

  #checked(id: string | undefined): string | undefined {
    return goodSessionId(id, (problem) => this.#recorder.reject(this.engine, 'engine', problem));
  }

  #offer(stableId: string | undefined, volatileId: string | undefined): void {
    if (isSessionId(volatileId)) this.#volatileId ??= volatileId;
    const stable = this.#checked(stableId);
    if (stable === undefined) return;
    this.#stableId ??= stable;
    if (this.ownsSession) this.session.bind(this.#stableId, 'engine');
  }

  #startCall(event: CallStart, at: Millis): void {
    if (this.#calls.has(event.call)) return;
    const parent = (event.within !== undefined && this.#calls.get(event.within)?.context) || this.context;
    const kind = KINDS[event.type];
    const span = this.isRecorded ? this.#recorder.startCall(this, event, at, parent) : UNRECORDED;
    const context = withFrame(this.isRecorded ? trace.setSpan(parent, span) : parent, this.#frame(kind, event.call));
    this.#calls.set(event.call, { id: event.call, kind, startedAt: at, start: event, context, span, hasOutput: false });
    if (this.#calls.size > MAX_OPEN_CALLS) this.#closeOldest(at);
  }

  #closeOldest(at: Millis): void {
    const [oldest] = this.#calls.values();
    if (!oldest) return;
    this.#calls.delete(oldest.id);
    if (this.isRecorded) this.#recorder.endCall(this, oldest, { kind: 'error', type: 'unfinished' }, undefined, at);
  }

  #endCall(event: CallEnd, at: Millis): void {
    const call = this.#calls.get(event.call);
    if (!call) return;
    this.#calls.delete(event.call);
    if (event.type === 'model.end' && event.usage) this.#usage = add(this.#usage, event.usage);
    if (!this.isRecorded) return;
    this.#recorder.endCall(this, call, event.outcome, event, Math.max(at, call.startedAt));
  }

  #output(id: CallId | undefined, at: Millis): void {
    if (id === undefined) {
      if (this.#hasOutput || !this.#span) return;
      this.#hasOutput = true;
      this.#recorder.output(this.#span, this.startedAt, at);
      return;
    }
    const call = this.#calls.get(id);
    if (!call || call.hasOutput) return;
    call.hasOutput = true;
    this.#recorder.output(call.span, call.startedAt, at);
  }

  #frame(kind: EnclosingRun['kind'], call?: CallId): Frame {
    const { id, engine, session } = this;
    const run = {
      id,
      attachment: this.#attachment,
      session,
      engine,
      kind,
      call,
      phase: this.#phaseNow,
      traceId: this.#traceNow,
      origin: this,
    };
    return { session, run };
  }
}

function add(a: Usage | undefined, b: Usage): Usage {
  if (a === undefined) return b;
  return {
    input: sum(a.input, b.input),
    output: sum(a.output, b.output),
    cacheRead: sum(a.cacheRead, b.cacheRead),
    cacheWrite: sum(a.cacheWrite, b.cacheWrite),
    reasoning: sum(a.reasoning, b.reasoning),
  };
}

function sum(a: number | undefined, b: number | undefined): number | undefined {
  return a === undefined ? b : a + (b ?? 0);
}
