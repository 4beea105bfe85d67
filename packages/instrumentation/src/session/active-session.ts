import { AsyncLocalStorage } from 'node:async_hooks';
import { context, createContextKey, diag, ROOT_CONTEXT, trace, type Context } from '@opentelemetry/api';
import { ATTR_SESSION_ID } from '../record/semconv.ts';
import { Session } from './session.ts';
import { sessionIdProblem } from './session-id.ts';

/** The place in a program where a session, and perhaps a run, is at work. One object under one context key. */
export interface Frame {
  readonly session: Session;
  readonly run?: EnclosingRun | undefined;
}

/** What the core must know of the run around a place. */
export interface EnclosingRun {
  readonly id: string;
  /** The attachment that the run belongs to, by identity. */
  readonly attachment: object;
  readonly engine: string;
  /** The innermost thing at work: the run itself, or a call of it. */
  readonly kind: 'run' | 'agent' | 'model' | 'tool';
  /** Pending until there is evidence of work; a call in the shadow of a closed run is not inside it. */
  readonly phase: () => RunPhase;
  /** The context that the run was called in. */
  readonly base: Context;
}

export type RunPhase = 'pending' | 'open' | 'closed';

/** The API makes equal keys of equal descriptions, so two copies of this package see the same frame. */
const FRAME = createContextKey('turnkeeper.frame');

/** Carries the context where no context manager is registered: the platform's id must win there too. */
const ownStorage = new AsyncLocalStorage<Context>();

export function frameIn(from: Context): Frame | undefined {
  const value = from.getValue(FRAME);
  return isFrame(value) ? value : undefined;
}

/** By shape: it may be another copy of this package that put it there. */
function isFrame(value: unknown): value is Frame {
  return typeof value === 'object' && value !== null && 'session' in value;
}

export function withFrame(from: Context, frame: Frame): Context {
  return from.setValue(FRAME, frame);
}

/** The active context, also where no context manager is registered. */
export function activeContext(): Context {
  const active = context.active();
  return active === ROOT_CONTEXT ? (ownStorage.getStore() ?? active) : active;
}

/** Runs `work` with this context active, also where no context manager is registered. */
export function runInContext<T>(within: Context, work: () => T): T {
  return context.with(within, () => {
    if (frameIn(context.active()) === frameIn(within))
      return ownStorage.getStore() ? ownStorage.run(within, work) : work();
    return ownStorage.run(within, work);
  });
}

/** What `withSession` takes besides a bare id. */
export interface SessionOptions {
  /** 1 to 128 printable characters. */
  readonly sessionId: string;
  /** The session that this one continues. */
  readonly previousId?: string;
}

/**
 * Runs `work`, and everything it starts, in the platform's session: every run and every span in there carries its id.
 * The span that is active now (a server's request span) is stamped as well, unless it is in a session already.
 *
 * A blank id binds nothing; a bad one (not a string, over 128 characters, unprintable) binds nothing either and is
 * named in the diagnostic log. `work` always runs, and its result is returned as it is.
 */
export function withSession<T>(session: string | SessionOptions, work: () => T): T {
  const { sessionId, previousId } = typeof session === 'object' && session !== null ? session : { sessionId: session };
  const problem = sessionIdProblem(sessionId);
  if (problem !== undefined) {
    if (problem !== 'absent') diag.warn(`turnkeeper: withSession ignores its session id: ${problem}`);
    return work();
  }
  const base = activeContext();
  const around = frameIn(base);
  const enclosing = around?.run?.phase() === 'open' ? around.session : undefined;
  const own = new Session({ previousId, parent: enclosing });
  own.bind(sessionId, 'context');
  if (!around) stampActiveSpan(base, sessionId);
  return runInContext(withFrame(base, { session: own, run: around?.run }), work);
}

function stampActiveSpan(base: Context, id: string): void {
  const span = trace.getSpan(base);
  if (span?.isRecording()) span.setAttribute(ATTR_SESSION_ID, id);
}

/** The session at work here. */
export interface CurrentSession {
  readonly id: string;
  readonly source: Session['source'];
}

/** The session at work here; undefined where there is none, and while its id is not known. */
export function currentSession(): CurrentSession | undefined {
  const session = frameIn(activeContext())?.session;
  return session?.id === undefined ? undefined : { id: session.id, source: session.source };
}
