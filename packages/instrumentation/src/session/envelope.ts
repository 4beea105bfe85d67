import { sessionIdProblem } from './session-id.ts';
import { withSession } from './active-session.ts';

/** The names under which requests say whose conversation they are; the first that is there and good wins. */
export interface EnvelopeFields {
  readonly sessionId?: readonly string[];
  readonly applicationName?: readonly string[];
}

const FIELDS = {
  sessionId: ['session_id', 'sessionId'],
  applicationName: ['application_name', 'applicationName'],
} as const;

/** What a request's envelope says, and the request without it. */
export interface Envelope<Body> {
  readonly sessionId: string | undefined;
  readonly applicationName: string | undefined;
  /** The body without the fields of the envelope: what may be handed on. The body itself where it has none. */
  readonly rest: Body;
}

/**
 * Reads the envelope of a request's body: a small list of top-level fields, `session_id` or `sessionId` and
 * `application_name` or `applicationName`, to which `more` adds. The values are untrusted: one that is no good counts
 * as absent. Anything but an object has no envelope. Never throws.
 */
export function readEnvelope<Body>(body: Body, more: EnvelopeFields = {}): Envelope<Body> {
  if (!isRecord(body)) return { sessionId: undefined, applicationName: undefined, rest: body };
  const sessionFields = [...FIELDS.sessionId, ...(more.sessionId ?? [])];
  const applicationFields = [...FIELDS.applicationName, ...(more.applicationName ?? [])];
  const known = new Set([...sessionFields, ...applicationFields].filter((name) => Object.hasOwn(body, name)));
  const rest = { ...body };
  for (const name of known) Reflect.deleteProperty(rest, name);
  return {
    sessionId: firstGood(body, sessionFields),
    applicationName: firstGood(body, applicationFields),
    rest: known.size === 0 ? body : rest,
  };
}

/**
 * Runs `handler` in the session that the request's envelope names, and hands it the body without the envelope's fields.
 * Without a good id the handler just runs.
 */
export function withEnvelope<Body, T>(body: Body, handler: (rest: Body) => T, more: EnvelopeFields = {}): T {
  const { sessionId, applicationName, rest } = readEnvelope(body, more);
  if (sessionId === undefined) return handler(rest);
  return withSession({ sessionId, ...(applicationName !== undefined && { applicationName }) }, () => handler(rest));
}

function firstGood(body: Readonly<Record<string, unknown>>, names: readonly string[]): string | undefined {
  for (const name of names) {
    const value = Object.hasOwn(body, name) ? body[name] : undefined;
    if (typeof value === 'string' && sessionIdProblem(value) === undefined) return value;
  }
  return undefined;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
