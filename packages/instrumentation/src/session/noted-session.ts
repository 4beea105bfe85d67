import { isObject } from '../narrow.ts';
import type { Session } from './session.ts';

/** On a span: the session it belongs to, for children that are started with an explicit parent. */
const SESSION: unique symbol = Symbol.for('turnkeeper.session');

/** On a span that was at work where a session was bound: it carries that one, and what it starts outside does not. */
const GUEST: unique symbol = Symbol.for('turnkeeper.guest');

type Noted = object & { [SESSION]?: unknown; [GUEST]?: unknown };

/** The session whose id a span carries. */
export function sessionOn(span: Noted): Session | undefined {
  const session = span[SESSION];
  return isSession(session) ? session : undefined;
}

/** The session that a span was started in. */
export function sessionBelow(span: Noted): Session | undefined {
  return span[GUEST] === true ? undefined : sessionOn(span);
}

/** Notes the session that a span is started in. */
export function noteSession(span: Noted, session: Session): void {
  span[SESSION] = session;
}

/** Notes the session that was bound where a span was at work, unless that span is frozen. */
export function noteGuest(span: Noted, session: Session): void {
  if (Reflect.set(span, GUEST, true)) noteSession(span, session);
}

/** By shape: it may be another copy of this package that noted it. */
function isSession(value: unknown): value is Session {
  return isObject(value) && 'whenKnown' in value && 'hold' in value;
}
