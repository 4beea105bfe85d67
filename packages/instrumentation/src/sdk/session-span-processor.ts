import { context, ROOT_CONTEXT, trace, type Context, type Span } from '@opentelemetry/api';
import { ATTR_SESSION_ID, ATTR_TURNKEEPER_SESSION_PARENT_ID } from '../record/semconv.ts';
import { parentIdOf } from '../record/session-attributes.ts';
import { activeContext, frameIn } from '../session/active-session.ts';
import type { Session } from '../session/session.ts';

/** A span processor by its shape, so that those of SDK 1.x, 2.x and 3.x all fit. */
export interface SpanProcessorLike<StartedSpan extends Span = never, EndedSpan = never> {
  onStart(span: StartedSpan, parentContext: Context): void;
  onEnd(span: EndedSpan): void;
  forceFlush(): Promise<void>;
  shutdown(): Promise<void>;
}

/** On a span: the session it belongs to, for children that are started with an explicit parent. */
const SESSION = Symbol.for('turnkeeper.session');

/**
 * Stamps every span inside a run or a `withSession`, ours or anybody's (HTTP, database, the user's), with `session.id`.
 *
 * Beside other processors: `spanProcessors: [new SessionSpanProcessor(), exporting]`, before the one that exports.
 * Around one: `spanProcessors: [new SessionSpanProcessor(exporting)]`.
 */
export class SessionSpanProcessor<StartedSpan extends Span = Span, EndedSpan = unknown> {
  readonly #next: SpanProcessorLike<StartedSpan, EndedSpan> | undefined;

  constructor(next?: SpanProcessorLike<StartedSpan, EndedSpan>) {
    this.#next = next;
  }

  onStart(span: StartedSpan, parentContext: Context): void {
    const session = sessionOf(parentContext);
    if (session) {
      Reflect.set(span, SESSION, session);
      if (session.isSettled) stamp(span, session);
      else session.whenKnown(() => stamp(span, session));
    }
    this.#next?.onStart(span, parentContext);
  }

  onEnd(span: EndedSpan): void {
    this.#next?.onEnd(span);
  }

  async forceFlush(): Promise<void> {
    await this.#next?.forceFlush();
  }

  async shutdown(): Promise<void> {
    await this.#next?.shutdown();
  }
}

/** From the parent context, else from the parent span: a span may be started with a parent and nothing else. */
function sessionOf(parentContext: Context): Session | undefined {
  const frame = frameIn(parentContext);
  if (frame) return frame.session;
  const parent = trace.getSpan(parentContext);
  // Without a context manager nobody passes a context on but us.
  if (!parent) return context.active() === ROOT_CONTEXT ? frameIn(activeContext())?.session : undefined;
  const session: unknown = Reflect.get(parent, SESSION);
  return isSession(session) ? session : undefined;
}

/** By shape: it may be another copy of this package that stamped the parent. */
function isSession(value: unknown): value is Session {
  return typeof value === 'object' && value !== null && 'whenKnown' in value;
}

function stamp(span: Span, session: Session): void {
  const { id } = session;
  if (id === undefined || !span.isRecording()) return;
  span.setAttribute(ATTR_SESSION_ID, id);
  const parentId = parentIdOf(session);
  if (parentId !== undefined) span.setAttribute(ATTR_TURNKEEPER_SESSION_PARENT_ID, parentId);
}
