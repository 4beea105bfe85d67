import { isObject } from '../narrow.ts';
import { inSession } from './active-session.ts';
import { isSessionId } from './session-id.ts';

/** The names under which requests say whose conversation they are; the first that is there and good wins. */
export interface EnvelopeFields {
  readonly sessionId?: readonly string[];
  readonly applicationName?: readonly string[];
}

/** What a request's envelope says, and the request without it. */
export interface Envelope<Body> {
  readonly sessionId: string | undefined;
  readonly applicationName: string | undefined;
  /**
   * The body without the fields of the envelope: what may be handed on. Of the same class, but without what is private in
   * it; the body itself where it has none.
   */
  readonly rest: Body;
}

/**
 * Reads the envelope of a request's body: a small list of top-level fields, `session_id` or `sessionId` and
 * `application_name` or `applicationName`, to which `more` adds. The values are untrusted: one that is no good counts
 * as absent. Anything but an object has no envelope. Never throws.
 */
export function readEnvelope<Body>(body: Body, more: EnvelopeFields = {}): Envelope<Body> {
  const envelope = { sessionId: undefined, applicationName: undefined, rest: body };
  if (!isObject(body) || Array.isArray(body)) return envelope;
  try {
    // A program without types may give one name alone.
    const sessionNames = ['session_id', 'sessionId', more.sessionId ?? []].flat();
    const applicationNames = ['application_name', 'applicationName', more.applicationName ?? []].flat();
    const known = [...sessionNames, ...applicationNames].filter((name) => Object.hasOwn(body, name));
    if (known.length === 0) return envelope;
    const read = (names: readonly string[]): string | undefined =>
      names.map((name): unknown => (known.includes(name) ? Reflect.get(body, name) : undefined)).find(isSessionId);
    // Out of the descriptors: of a frozen body, nothing can be deleted later.
    const descriptors = Object.getOwnPropertyDescriptors(body);
    for (const name of known) Reflect.deleteProperty(descriptors, name);
    const rest: Body = Object.create(Reflect.getPrototypeOf(body), descriptors);
    return { sessionId: read(sessionNames), applicationName: read(applicationNames), rest };
  } catch {
    // What cannot be read has no envelope.
    return envelope;
  }
}

/**
 * Runs `handler` in the session that the request's envelope names, and hands it the body without the envelope's fields.
 * Without a good id the handler just runs.
 */
export function withEnvelope<Body, T>(body: Body, handler: (rest: Body) => T, more: EnvelopeFields = {}): T {
  const { rest, ...session } = readEnvelope(body, more);
  return inSession(session, () => handler(rest));
}
