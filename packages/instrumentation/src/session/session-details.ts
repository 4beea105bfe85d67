import type { Attributes, AttributeValue } from '@opentelemetry/api';
import { goodSessionId } from './session-id.ts';
import type { SessionDetails } from './session.ts';

/** How many attributes of its own a session may carry, and how long a text among them may be. */
const MAX_ATTRIBUTES = 16;
const MAX_TEXT_LENGTH = 256;

/** What `withSession` and `SessionContext` take besides the id. */
export interface SessionOptions {
  /** 1 to 128 printable characters. */
  readonly sessionId: string;
  /** The application whose conversation it is: like an id, 1 to 128 printable characters. */
  readonly applicationName?: string | undefined;
  /** The session that this one continues. */
  readonly previousId?: string | undefined;
  /** Whose session it is: `user.id` on every span of the session. */
  readonly userId?: string | undefined;
  /**
   * A few attributes of yours (tenant, experiment) for every span of the session, at most 16: texts up to 256
   * characters, numbers and booleans. Never on a metric, never sent to another process.
   */
  readonly attributes?: Readonly<Record<string, string | number | boolean>> | undefined;
}

/** The same, where the id may be missing. */
export interface GivenSession extends Omit<SessionOptions, 'sessionId'> {
  readonly sessionId?: string | undefined;
}

/** What a caller said of a session, whose types nobody has checked; the id alone, or with details. */
export function sessionOptions(given: string | SessionOptions | undefined): GivenSession | undefined {
  return given === undefined || (typeof given === 'object' && given !== null) ? given : { sessionId: given };
}

/** The details that are good; each that is not is told to `reject`, with its name and what is wrong with it. */
export function readDetails(options: GivenSession, reject: (name: string, problem: string) => void): SessionDetails {
  const text = (name: 'applicationName' | 'previousId' | 'userId'): string | undefined =>
    goodSessionId(options[name], (problem) => reject(name, problem));
  return {
    applicationName: text('applicationName'),
    previousId: text('previousId'),
    userId: text('userId'),
    attributes: readAttributes(options.attributes, reject),
  };
}

function readAttributes(given: unknown, reject: (name: string, problem: string) => void): Attributes | undefined {
  if (given === undefined || given === null) return undefined;
  if (typeof given !== 'object') {
    reject('attributes', `it is of type ${typeof given}, not an object`);
    return undefined;
  }
  const entries = entriesOf(given);
  if (!entries) {
    reject('attributes', 'it cannot be read');
    return undefined;
  }
  const attributes: Record<string, AttributeValue> = {};
  for (const [name, value] of entries) {
    const problem = attributeProblem(name, value);
    if (problem !== undefined) reject(`attributes[${JSON.stringify(name.slice(0, 64))}]`, problem);
    else if (Object.keys(attributes).length >= MAX_ATTRIBUTES) {
      reject('attributes', `only the first ${MAX_ATTRIBUTES} are kept`);
      break;
    } else attributes[name] = value;
  }
  return attributes;
}

/** As attributes, which nobody has checked; undefined for an object that throws when it is looked at. */
function entriesOf(given: object): [string, AttributeValue][] | undefined {
  try {
    return Object.entries(given);
  } catch {
    return undefined;
  }
}

function attributeProblem(name: string, value: unknown): string | undefined {
  if (name === '' || name.length > MAX_TEXT_LENGTH || name === '__proto__')
    return 'its name is not one for an attribute';
  if (typeof value === 'number' || typeof value === 'boolean') return undefined;
  if (typeof value !== 'string') return `it is of type ${typeof value}, not a text, a number or a boolean`;
  return value.length > MAX_TEXT_LENGTH ? `it is longer than ${MAX_TEXT_LENGTH} characters` : undefined;
}
