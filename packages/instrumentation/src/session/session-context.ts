import { TurnkeeperError } from '../turnkeeper-error.ts';
import { readDetails, type SessionOptions } from './session-details.ts';
import { sessionIdProblem } from './session-id.ts';

/** The member of a class, an instance or a function that holds its `SessionContext`. */
export const sessionContext: unique symbol = Symbol.for('turnkeeper.sessionContext');

/** Marks the values of every copy of this package. */
const IS_SESSION_CONTEXT = Symbol.for('turnkeeper.isSessionContext');

/**
 * Where the context of an object is kept that takes no property: on the realm, by a registered symbol, so that all
 * copies of this package find it; weak, so that it goes with the object.
 */
const KEPT_ASIDE = Symbol.for('turnkeeper.sessionContexts');

/**
 * The session of an execution object: attached to a class, an instance or a function, it is the session of every run
 * on it. Checked when it is made, and immutable.
 * @throws TurnkeeperError `invalid-session-context` for an id, a name or attributes that are no good.
 */
export class SessionContext implements SessionOptions {
  readonly sessionId: string;
  declare readonly applicationName?: string;
  declare readonly previousId?: string;
  declare readonly userId?: string;
  declare readonly attributes?: Readonly<Record<string, string | number | boolean>>;

  constructor(options: SessionOptions) {
    const problem = sessionIdProblem(options?.sessionId);
    if (problem !== undefined) throw invalid('sessionId', problem === 'absent' ? 'it is missing or blank' : problem);
    const details = readDetails(options, (name, wrong) => {
      throw invalid(name, wrong);
    });
    for (const name of ['applicationName', 'previousId', 'userId'] as const) {
      const given: unknown = options[name];
      if (given !== undefined && details[name] === undefined) throw invalid(name, 'it is blank');
    }
    this.sessionId = options.sessionId;
    const { attributes, ...texts } = details;
    Object.assign(this, withoutUndefined(texts), attributes && { attributes: Object.freeze({ ...attributes }) });
    Object.defineProperty(this, IS_SESSION_CONTEXT, { value: true });
    Object.freeze(this);
  }
}

/**
 * Attaches a session to a class, an instance or a function; subclasses and instances inherit it, the nearest wins.
 * Works on frozen objects and on proxies. Returns the object.
 * @throws TurnkeeperError `not-attachable` where `target` is no object, or `context` no `SessionContext`.
 */
export function attachSession<T extends object>(target: T, context: SessionContext): T {
  if (!isObject(target)) {
    throw new TurnkeeperError(
      'not-attachable',
      'A session can be attached to a class, an instance or a function only.',
    );
  }
  if (!isSessionContext(context)) {
    throw new TurnkeeperError(
      'not-attachable',
      'attachSession needs a SessionContext: new SessionContext({ sessionId: … }).',
    );
  }
  const descriptor = { value: context, configurable: true, writable: true, enumerable: false };
  if (!Reflect.defineProperty(target, sessionContext, descriptor)) keepAside().set(target, context);
  return target;
}

type Aside = WeakMap<object, unknown> | undefined;
type Reject = (problem: string) => void;

/**
 * The session attached to an object: its own, else what it inherits through its prototypes and the classes that they
 * belong to. A value of another type is passed over and told to `reject`.
 */
export function attachedSession(target: object, reject: (problem: string) => void): SessionContext | undefined {
  const aside = keptAside();
  for (let place: object | null = target; place !== null; place = Reflect.getPrototypeOf(place)) {
    const found = attachedHere(place, aside, reject) ?? attachedToClass(place, target, aside, reject);
    if (found) return found;
  }
  return undefined;
}

function attachedHere(place: object, aside: Aside, reject: Reject): SessionContext | undefined {
  const own: unknown = Object.hasOwn(place, sessionContext) ? Reflect.get(place, sessionContext) : undefined;
  const value: unknown = own ?? aside?.get(place);
  if (value === undefined || isSessionContext(value)) return value;
  reject(`it holds a value of type ${typeof value}, not a SessionContext`);
  return undefined;
}

/** An instance inherits from its class: that is a property of the prototype, not one of its prototypes. */
function attachedToClass(place: object, target: object, aside: Aside, reject: Reject): SessionContext | undefined {
  if (place === target || typeof target === 'function') return undefined;
  const own = Object.getOwnPropertyDescriptor(place, 'constructor')?.value;
  return isObject(own) ? attachedHere(own, aside, reject) : undefined;
}

function keptAside(): Aside {
  const existing: unknown = Reflect.get(globalThis, KEPT_ASIDE);
  return existing instanceof WeakMap ? existing : undefined;
}

function keepAside(): WeakMap<object, unknown> {
  const existing = keptAside();
  if (existing) return existing;
  const contexts = new WeakMap<object, unknown>();
  Reflect.defineProperty(globalThis, KEPT_ASIDE, { value: contexts, configurable: true });
  return contexts;
}

function isSessionContext(value: unknown): value is SessionContext {
  return isObject(value) && Reflect.get(value, IS_SESSION_CONTEXT) === true;
}

function isObject(value: unknown): value is object {
  return (typeof value === 'object' && value !== null) || typeof value === 'function';
}

function withoutUndefined(values: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined));
}

function invalid(name: string, problem: string): TurnkeeperError {
  return new TurnkeeperError(
    'invalid-session-context',
    `A SessionContext cannot be made of this ${name}: ${problem}. Ids and names are 1 to 128 printable characters.`,
  );
}
