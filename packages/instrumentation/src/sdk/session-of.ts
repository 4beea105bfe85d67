import { context, ROOT_CONTEXT, trace, type Attributes, type Context } from '@opentelemetry/api';
import { activeContext, frameIn } from '../session/active-session.ts';
import { sessionBelow } from '../session/noted-session.ts';
import type { Session } from '../session/session.ts';

/** The session of what is started in this context: of the context itself, else of the parent span alone. */
export function sessionOf(parentContext: Context): Session | undefined {
  const frame = frameIn(parentContext);
  if (frame) return frame.session;
  const parent = trace.getSpan(parentContext);
  if (parent) return sessionBelow(parent);
  // Without a context manager nobody passes a context on but us.
  return context.active() === ROOT_CONTEXT ? frameIn(activeContext())?.session : undefined;
}

/** What has ended takes no attributes any more: it looks as if it had these, and is as it was. */
export function withAttributes<T extends object>(ended: T, attributes: Attributes): T {
  const overlay: T = Object.create(ended, { attributes: { value: attributes, enumerable: true } });
  return overlay;
}
