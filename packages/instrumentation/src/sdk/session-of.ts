import { context, ROOT_CONTEXT, trace, type Attributes, type Context } from '@opentelemetry/api';
import { activeContext, frameIn } from '../session/active-session.ts';
import type { Session } from '../session/session.ts';

/** On a span: the session it belongs to, for children that are started with an explicit parent. */
const SESSION: unique symbol = Symbol.for('turnkeeper.session');

type Noted = object & { [SESSION]?: unknown };

/** The session of what is started in this context: of the context itself, else of the parent span alone. */
export function sessionOf(parentContext: Context): Session | undefined {
  const frame = frameIn(parentContext);
  if (frame) return frame.session;
  const parent = trace.getSpan(parentContext);
  if (parent) return sessionOn(parent);
  // Without a context manager nobody passes a context on but us.
  return context.active() === ROOT_CONTEXT ? frameIn(activeContext())?.session : undefined;
}

/** The session that a span was started in. */
export function sessionOn(span: Noted): Session | undefined {
  const session = span[SESSION];
  return isSession(session) ? session : undefined;
}

/** Notes the session that a span is started in. */
export function noteSession(span: Noted, session: Session): void {
  span[SESSION] = session;
}

/** What has ended takes no attributes any more: it looks as if it had these, and is as it was. */
export function withAttributes<T extends object>(ended: T, attributes: Attributes): T {
  const overlay: T = Object.create(ended, { attributes: { value: attributes, enumerable: true } });
  return overlay;
}

/** By shape: it may be another copy of this package that noted it. */
function isSession(value: unknown): value is Session {
  return typeof value === 'object' && value !== null && 'whenKnown' in value && 'hold' in value;
}
