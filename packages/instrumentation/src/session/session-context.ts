import { keptOn } from '../kept.ts';
import { isObject } from '../narrow.ts';
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
 * on it. Checked when it is made, and immutable; a subclass may have fields of its own.
 * @throws TurnkeeperError `invalid-session-context` for an id, a name or attributes that are no good.
 */
export class SessionContext implements SessionOptions {
  declare readonly sessionId: string;
  declare readonly applicationName?: string;
  declare readonly previousId?: string;
  declare readonly userId?: string;
  declare readonly attributes?: Readonly<Record<string, string | number | boolean>>;

  constructor(options: SessionOptions) {
    const { sessionId } = options ?? {};
    const problem = sessionIdProblem(sessionId);
    if (problem !== undefined) throw invalid('sessionId', problem === 'absent' ? 'it is missing or blank' : problem);
    const details = readDetails(options, (name, wrong) => {
      throw invalid(name, wrong);
    });
    for (const [name, value] of Object.entries({ sessionId, ...details })) {
      if (value === undefined && Reflect.get(options, name) !== undefined) throw invalid(name, 'it is blank');
      // What was not given cannot be added either.
      Object.defineProperty(this, name, { value: Object.freeze(value), enumerable: value !== undefined });
    }
    Object.defineProperty(this, IS_SESSION_CONTEXT, { value: true });
  }
}

/**
 * Attaches a session to a class, an instance or a function; subclasses and instances inherit it, the nearest wins.
 * Works on frozen objects and on proxies. Returns the object.
 * @throws TurnkeeperError `not-attachable` where `target` is no object, or `context` no `SessionContext`.
 */
export function attachSession<T extends object>(target: T, context: SessionContext): T {
  if (!isObject(target) || !isSessionContext(context)) {
    const message =
      'attachSession needs a class, an instance or a function, and a new SessionContext({ sessionId: … }).';
    throw new TurnkeeperError('not-attachable', message);
  }
  try {
    const descriptor = { value: context, configurable: true, writable: true, enumerable: false };
    if (Reflect.defineProperty(target, sessionContext, descriptor)) return target;
  } catch {
    // A proxy that forbids it.
  }
  keptOn(globalThis, KEPT_ASIDE, isWeakMap, () => new WeakMap()).set(target, context);
  return target;
}

/**
 * The session attached to the first of these objects that has one: its own, else what it inherits through its prototypes
 * and the classes that they belong to. A value of another type is passed over and told to `reject`, as is an object that
 * cannot be looked at.
 */
export function attachedSession(targets: readonly object[], reject: Reject): SessionContext | undefined {
  const aside = knownAside();
  for (const target of targets) {
    try {
      // Nearly always it holds none, nor does a prototype of it: then only their classes are looked at.
      const isHeld = aside !== undefined || sessionContext in target;
      if (!isHeld && typeof target === 'function') continue;
      let place: object | null = target;
      for (; place !== null && place !== Object.prototype; place = Reflect.getPrototypeOf(place)) {
        const held = isHeld ? attachedHere(place, target, aside, reject) : undefined;
        const found = held ?? attachedToClass(place, target, aside, reject);
        if (found) return found;
      }
    } catch {
      reject('the object that would hold it cannot be read');
    }
  }
  return undefined;
}

type Aside = WeakMap<object, unknown> | undefined;
type Reject = (problem: string) => void;

/** `target` is what the member is read for: a getter of a class looks at its instance. */
function attachedHere(place: object, target: object, aside: Aside, reject: Reject): SessionContext | undefined {
  const own = Object.hasOwn(place, sessionContext);
  // What is kept aside was attached when the object would take nothing any more.
  const value: unknown = aside?.get(place) ?? (own ? Reflect.get(place, sessionContext, target) : undefined);
  if (value === undefined || isSessionContext(value)) return value;
  reject(`it holds a value of type ${typeof value}, not a SessionContext`);
  return undefined;
}

/** An instance inherits from its class: that is a property of the prototype, not one of its prototypes. */
function attachedToClass(place: object, target: object, aside: Aside, reject: Reject): SessionContext | undefined {
  if (place === target || typeof target === 'function') return undefined;
  const own: unknown = Object.getOwnPropertyDescriptor(place, 'constructor')?.value;
  return isObject(own) ? attachedHere(own, own, aside, reject) : undefined;
}

/** Undefined where nothing had to be kept aside. */
function knownAside(): Aside {
  const kept: unknown = Reflect.get(globalThis, KEPT_ASIDE);
  return isWeakMap(kept) ? kept : undefined;
}

function isWeakMap(value: unknown): value is WeakMap<object, unknown> {
  return value instanceof WeakMap;
}

function isSessionContext(value: unknown): value is SessionContext {
  return isObject(value) && Reflect.get(value, IS_SESSION_CONTEXT) === true;
}

function invalid(name: string, problem: string): TurnkeeperError {
  return new TurnkeeperError(
    'invalid-session-context',
    `A SessionContext cannot be made of this ${name}: ${problem}. Ids and names are 1 to 128 printable characters.`,
  );
}
