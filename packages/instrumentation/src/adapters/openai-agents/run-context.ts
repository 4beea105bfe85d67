import {
  ACCEPTS,
  acceptsRunContext,
  isStore,
  OPERATIONS,
  runContextOf,
  withContext,
  withoutContext,
  type StoreOperation,
} from './session-store.ts';
import { storeRuns } from './store-run.ts';

/** Marks what `withRunContext` made: a symbol of the registry, so that two copies of this package wrap once. */
const WRAPPED = Symbol.for('turnkeeper.withRunContext');

/**
 * Hands the run's context to a session store that opted in with `acceptsRunContext`, also where a decorator between the
 * runner and the store forgets to pass it on: compaction, encryption, caching.
 *
 * Put it around the store itself, below its decorators; or around the whole, which reaches the stores that decorators
 * keep in writable properties. A store that has not opted in is called exactly as without it. The context is that of
 * the run at work, so runs must be observed, or what is passed to `run` must be wrapped as well.
 */
export function withRunContext<Session extends object>(session: Session): Session {
  if (!isStore(session) || Object.hasOwn(session, WRAPPED)) return session;
  storeRuns();
  wrapInside(session);
  const wrapped: Session = Object.create(session, descriptorsOf(session));
  for (const operation of OPERATIONS) {
    if (typeof Reflect.get(session, operation.method) !== 'function') continue;
    const value = (...args: unknown[]): unknown => operate(session, operation, args);
    Object.defineProperty(wrapped, operation.method, { value, configurable: true, writable: true });
  }
  Object.defineProperty(wrapped, WRAPPED, { value: true });
  return Object.defineProperty(wrapped, ACCEPTS, { value: true, configurable: true, writable: true });
}

function operate(session: object, operation: StoreOperation, args: readonly unknown[]): unknown {
  const runs = storeRuns();
  const running = runs.getStore();
  const runContext = runContextOf(operation, args) ?? running?.runContext;
  const given = acceptsRunContext(session)
    ? withContext(operation, args, runContext)
    : withoutContext(operation, args, session);
  const work = (): unknown => call(session, operation.method, given);
  return runContext === running?.runContext ? work() : runs.run({ runContext, isLate: false }, work);
}

/** A decorator that is wrapped as a whole: the stores that it keeps are wrapped in their places. */
function wrapInside(decorator: object): void {
  for (const [key, { value, writable }] of Object.entries(Object.getOwnPropertyDescriptors(decorator))) {
    if (writable === true && isStore(value)) Reflect.set(decorator, key, withRunContext(value));
  }
}

/**
 * Everything that a session has, as its own: methods called on the session itself, for its private fields, and
 * properties read and written there.
 */
function descriptorsOf(session: object): PropertyDescriptorMap {
  const descriptors: PropertyDescriptorMap = {};
  for (let level: unknown = session; isLevel(level); level = Object.getPrototypeOf(level)) {
    for (const key of Reflect.ownKeys(level)) {
      if (Object.hasOwn(descriptors, key) || key === 'constructor') continue;
      const isMethod = typeof Object.getOwnPropertyDescriptor(level, key)?.value === 'function';
      descriptors[key] = isMethod ? methodOf(session, key) : propertyOf(session, key);
    }
  }
  return descriptors;
}

function methodOf(session: object, key: string | symbol): PropertyDescriptor {
  return { value: (...args: unknown[]): unknown => call(session, key, args), configurable: true, writable: true };
}

function propertyOf(session: object, key: string | symbol): PropertyDescriptor {
  return {
    get: () => Reflect.get(session, key),
    set: (value: unknown) => void Reflect.set(session, key, value),
    configurable: true,
    enumerable: true,
  };
}

function call(session: object, key: string | symbol, args: readonly unknown[]): unknown {
  const method: unknown = Reflect.get(session, key);
  return typeof method === 'function' ? Reflect.apply(method, session, args) : undefined;
}

function isLevel(value: unknown): value is object {
  return typeof value === 'object' && value !== null && value !== Object.prototype;
}
