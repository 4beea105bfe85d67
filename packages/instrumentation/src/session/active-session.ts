import { AsyncLocalStorage } from 'node:async_hooks';
import {
  context,
  createContextKey,
  INVALID_SPAN_CONTEXT,
  ROOT_CONTEXT,
  trace,
  type Context,
  type Span,
} from '@opentelemetry/api';
import { stampsOf } from '../record/session-attributes.ts';
import { keptOn } from '../kept.ts';
import { Ledger } from '../ledger.ts';
import { isObject } from '../narrow.ts';
import { say } from '../say.ts';
import { noteGuest, sessionOn } from './noted-session.ts';
import { Session, type SessionSource } from './session.ts';
import { readDetails, sessionOptions, type GivenSession, type SessionOptions } from './session-details.ts';
import { goodSessionId } from './session-id.ts';

/** The place in a program where a session, and perhaps a run, is at work. One object under one context key. */
export interface Frame {
  readonly session: Session;
  readonly run?: EnclosingRun | undefined;
}

/** What the core must know of the run around a place. */
export interface EnclosingRun {
  readonly id: string;
  /** The attachment that the run belongs to, by identity. */
  readonly attachment: Attached;
  /** The run's own session: a frame around the same run may have one that was bound inside it. */
  readonly session: Session;
  readonly engine: string;
  /** The innermost thing at work: the run itself, or a call of it. */
  readonly kind: 'run' | 'service' | 'agent' | 'model' | 'tool' | 'step';
  /** That call's id; undefined for the run itself. */
  readonly call?: string | undefined;
  /** Pending until there is evidence of work; a call in the shadow of a closed run is not inside it. */
  readonly phase: () => RunPhase;
  /** In which all of its spans are; undefined while it has none. */
  readonly traceId: () => string | undefined;
  /** Holds the context that the run was called in; of a turn that was called inside the one before, where that one was. */
  readonly origin: { readonly base: Context };
}

/** What the contexts of runs know an attachment by: they may outlive it. */
export interface Attached {
  /** What it observes. */
  readonly target: WeakRef<object>;
}

export type RunPhase = 'pending' | 'open' | 'closed';

/** The API makes equal keys of equal descriptions, so two copies of this package see the same frame. */
const FRAME = createContextKey('turnkeeper.frame');

/**
 * Carries the context where no context manager is registered: the platform's id must win there too. On the realm, by a
 * registered symbol, so that two copies of this package have one.
 */
const ownStorage = keptOn(
  globalThis,
  Symbol.for('turnkeeper.storage'),
  (value): value is AsyncLocalStorage<Context> => value instanceof AsyncLocalStorage,
  () => new AsyncLocalStorage<Context>(),
);

export function frameIn(from: Context): Frame | undefined {
  if (from instanceof FramedContext) return from.frame;
  const value = from.getValue(FRAME);
  return isFrame(value) ? value : undefined;
}

/** By shape: it may be another copy of this package that put it there. */
function isFrame(value: unknown): value is Frame {
  return isObject(value) && 'session' in value;
}

export function withFrame(from: Context, frame: Frame): Context {
  return from instanceof FramedContext
    ? new FramedContext(from.within, frame, from.key, from.value)
    : new FramedContext(from, frame);
}

/** The same with a span that may not be there yet: who asks this context for its span gets the one of the moment. */
export function withFrameAndSpan(from: Context, frame: Frame, span: () => Span | undefined): Context {
  // Only the API knows the key of the span: it shows in a context that has one.
  const placed = trace.setSpan(withFrame(from, frame), NO_SPAN);
  return placed instanceof FramedContext ? new FramedContext(placed.within, frame, placed.key, new Late(span)) : placed;
}

const NO_SPAN = trace.wrapSpanContext(INVALID_SPAN_CONTEXT);

/** A value that is looked up when it is asked for. */
class Late {
  readonly now: () => unknown;

  constructor(now: () => unknown) {
    this.now = now;
  }
}

/**
 * A context with a frame in front of it, and the value that was set last: nearly always the span. The API's own copies
 * all that is in it, for each value that is set.
 */
class FramedContext implements Context {
  readonly within: Context;
  readonly frame: Frame;
  readonly key: symbol | undefined;
  readonly value: unknown;

  constructor(within: Context, frame: Frame, key?: symbol, value?: unknown) {
    this.within = within;
    this.frame = frame;
    this.key = key;
    this.value = value;
  }

  getValue(key: symbol): unknown {
    if (key === FRAME) return this.frame;
    if (key !== this.key) return this.within.getValue(key);
    return this.value instanceof Late ? this.value.now() : this.value;
  }

  setValue(key: symbol, value: unknown): Context {
    if (key === FRAME) return this.deleteValue(key).setValue(key, value);
    // What is looked up stays in front: one behind the other, contexts that are made in turn would grow without end.
    if (key !== this.key && this.value instanceof Late) {
      return new FramedContext(this.within.setValue(key, value), this.frame, this.key, this.value);
    }
    return new FramedContext(key === this.key ? this.within : this.#kept(), this.frame, key, value);
  }

  deleteValue(key: symbol): Context {
    const within = this.within.deleteValue(key);
    if (key === FRAME) return this.key === undefined ? within : within.setValue(this.key, this.getValue(this.key));
    return key === this.key
      ? new FramedContext(within, this.frame)
      : new FramedContext(within, this.frame, this.key, this.value);
  }

  /** What is below the next value: with the last one in it. */
  #kept(): Context {
    return this.key === undefined ? this.within : this.within.setValue(this.key, this.value);
  }
}

/**
 * Where a place was, not counting runs that are over, or that were dropped as another adapter's. A session that was bound
 * in the shadow of one stays: a queue may have been started by whoever came first. So does what the host has put into the
 * context since: a span as well, or a caller's, unless it is in the trace of what is over, below it.
 */
export function aroundWhatIsOver(active: Context, isOverToo: (run: EnclosingRun) => boolean = () => false): Context {
  const isOver = (run: EnclosingRun): boolean => run.phase() === 'closed' || isOverToo(run);
  let frame = frameIn(active);
  if (!frame?.run || !isOver(frame.run)) return active;
  const traceId = trace.getSpanContext(active)?.traceId;
  let base = active;
  let isBelow = false;
  while (frame?.run && isOver(frame.run)) {
    const { session, run }: Frame = frame;
    isBelow ||= run.traceId() === traceId;
    base = run.origin.base;
    frame = frameIn(base);
    if (session !== run.session) frame = { session, run: frame?.run };
  }
  let outside = active.deleteValue(FRAME);
  const span = trace.getSpan(base);
  if (isBelow) outside = span ? trace.setSpan(outside, span) : trace.deleteSpan(outside);
  return frame ? withFrame(outside, frame) : outside;
}

/** The active context, also where no context manager is registered. */
export function activeContext(): Context {
  const active = context.active();
  return active === ROOT_CONTEXT ? (ownStorage.getStore() ?? active) : active;
}

/** Runs `work` with this context active, also where no context manager is registered. */
export function runInContext<T>(within: Context, work: () => T): T {
  return context.with(within, () => {
    // A manager may put a context of its own around ours, or in place of the root; without one, only the root is active.
    const isCarried = context.active() !== ROOT_CONTEXT || within === ROOT_CONTEXT;
    if (isCarried && !ownStorage.getStore()) return work();
    if (!isCarried) Ledger.of(trace.getTracerProvider()).warnOnce(NO_CONTEXT_MANAGER);
    return ownStorage.run(within, work);
  });
}

const NO_CONTEXT_MANAGER =
  'no context manager is registered, as NodeSDK does: spans other than ours may lack their parent';

/**
 * Runs `work`, and everything it starts, in the platform's session: every run and every span in there carries its id.
 * The span that is active now (a server's request span) is stamped as well, unless it is in a session already, or another
 * was bound there before.
 *
 * A blank id binds nothing; a bad one (not a string, over 128 characters, unprintable) binds nothing either and is
 * named in the diagnostic log. `work` always runs, and its result is returned as it is.
 */
export function withSession<T>(session: string | SessionOptions, work: () => T): T {
  return inSession(sessionOptions(session) ?? {}, work);
}

/** The same for what may have no id. */
export function inSession<T>(given: GivenSession, work: () => T): T {
  let bound: Context | undefined;
  try {
    bound = bindSession(activeContext(), given, 'context');
  } catch (error) {
    say('warn', 'a session is ignored: it cannot be read', error);
  }
  return bound ? runInContext(bound, work) : work();
}

/** The context with this session in it; undefined where its id is absent or bad, which is then warned of. */
export function bindSession(base: Context, given: GivenSession, source: SessionSource): Context | undefined {
  const sessionId = goodSessionId(given.sessionId, (problem) => ignore('the id', problem));
  if (sessionId === undefined) return undefined;
  const outside = aroundWhatIsOver(base);
  const session = new Session({ ...readDetails(given, ignore), parent: sessionAround(outside) });
  session.bind(sessionId, source);
  if (!frameIn(base)) stampActiveSpan(base, session);
  // A span of the host's stays the one at work. Those of a run that is over take no children any more.
  const place = trace.getSpan(base)?.isRecording() ? base : outside;
  return withFrame(place, { session, run: frameIn(place)?.run });
}

/** The session of the run around a place. One that was bound inside of it may be on no span. */
export function sessionAround(base: Context): Session | undefined {
  const { run } = frameIn(base) ?? {};
  return run?.phase() === 'open' ? run.session : undefined;
}

function ignore(name: string, problem: string): void {
  say('warn', `${name} of a session is ignored: ${problem}`);
}

function stampActiveSpan(base: Context, session: Session): void {
  const span = trace.getSpan(base);
  if (!span?.isRecording() || sessionOn(span)) return;
  span.setAttributes(stampsOf(session));
  noteGuest(span, session);
}

/** The session at work here. */
export interface CurrentSession {
  readonly id: string;
  readonly source: SessionSource | undefined;
}

/** The session at work here; undefined where there is none, and while its id is not known. */
export function currentSession(): CurrentSession | undefined {
  const session = frameIn(activeContext())?.session;
  return session?.id === undefined ? undefined : { id: session.id, source: session.source };
}
