import { AsyncLocalStorage } from 'node:async_hooks';
import { isFunction } from './narrow.ts';
import { say } from './say.ts';

const FAILED = 'a hook failed; the call goes on without it';

/**
 * What stands around a method: `proceed` calls the original with the same `this`. Its own failure never reaches the
 * caller: before `proceed`, the original is called as if nothing stood around it; after it, the original's result is
 * returned.
 */
export type Around = (proceed: (...args: unknown[]) => unknown, args: unknown[], self: unknown) => unknown;

/**
 * Puts `around` around a method of one object. Returns what takes it away again, unless somebody else has replaced it
 * since. Where there is no such method, or it cannot be replaced, nothing happens and `undefined` is returned.
 */
export function wrapMethod(object: object, name: PropertyKey, around: Around): (() => void) | undefined {
  return place(object, name, (original, apply) => surround(original, apply, around));
}

/**
 * Tells `listener` the arguments of each call of a method of one object, before the original sees them: less than to stand
 * around it. Its own failure never reaches the caller.
 */
export function listenToMethod(
  object: object,
  name: string,
  listener: (args: readonly unknown[]) => void,
): (() => void) | undefined {
  return place(object, name, (original, apply) =>
    inPlaceOf(original, (args, self) => {
      try {
        listener(args);
      } catch (error) {
        say('error', FAILED, error);
      }
      return apply(self, args);
    }),
  );
}

/**
 * The same as `wrapMethod` for objects that come and go: those of one class share what stands around their method, which
 * is made once. `self` tells them apart.
 */
export function methodWrapper(name: string, around: Around): (object: object) => (() => void) | undefined {
  const made = new WeakMap<Function, Function>();
  const make = (original: Function): Function => {
    const wrapped =
      made.get(original) ?? surround(original, (self, args) => Reflect.apply(original, self, args), around);
    made.set(original, wrapped);
    return wrapped;
  };
  return (object) => place(object, name, make);
}

/** Calls the method: where it is inherited, the one that the class has by now, a mock perhaps. */
type Apply = (self: unknown, args: unknown[]) => unknown;

function place(
  object: object,
  name: PropertyKey,
  make: (original: Function, apply: Apply) => Function,
): (() => void) | undefined {
  const original: unknown = Reflect.get(object, name);
  if (!isFunction(original)) return undefined;
  const own = Object.getOwnPropertyDescriptor(object, name);
  let inLatest: AsyncLocalStorage<true> | undefined;
  const wrapped = make(original, (self, args) => {
    const parent = own ? null : Reflect.getPrototypeOf(object);
    const latest: unknown = parent && Reflect.get(parent, name, object);
    // Of a proxy, the method may be inherited from nowhere; and the class may have got one that calls ours.
    if (!isFunction(latest) || latest === original || inLatest?.getStore()) return Reflect.apply(original, self, args);
    inLatest ??= new AsyncLocalStorage();
    return inLatest.run(true, () => Reflect.apply(latest, self, args));
  });
  // What the object has itself is written, not defined anew: that is many times cheaper, and happens at each call of a tool.
  if (own?.writable === true && Reflect.set(object, name, wrapped)) {
    return () => void (Reflect.get(object, name) === wrapped && Reflect.set(object, name, original));
  }
  const placed = Reflect.defineProperty(object, name, {
    value: wrapped,
    configurable: true,
    writable: true,
    enumerable: own?.enumerable ?? false,
  });
  if (!placed) return undefined;
  return () => {
    if (Reflect.get(object, name) !== wrapped) return;
    if (own) Reflect.defineProperty(object, name, own);
    else Reflect.deleteProperty(object, name);
  };
}

/** Of a method that something stands around: what it is. */
const AROUND = Symbol('around');

/** What stands around the method that this object has of its own. */
export function aroundOwn(object: object, name: string): Around | undefined {
  const own: unknown = Object.getOwnPropertyDescriptor(object, name)?.value;
  const around: unknown = isFunction(own) ? Reflect.get(own, AROUND) : undefined;
  return isAround(around) ? around : undefined;
}

function isAround(value: unknown): value is Around {
  return isFunction(value);
}

function surround(original: Function, apply: Apply, around: Around): Function {
  const call = (args: unknown[], self: unknown): unknown => {
    let isDone = false;
    let value: unknown;
    let failed: Failure | undefined;
    const proceed = (...given: unknown[]): unknown => {
      isDone = true;
      try {
        return (value = apply(self, given));
      } catch (error) {
        failed = { error };
        throw error;
      }
    };
    try {
      return around(proceed, args, self);
    } catch (error) {
      if (failed) throw failed.error;
      say('error', FAILED, error);
      return isDone ? value : apply(self, args);
    }
  };
  return inPlaceOf(original, call, around);
}

/** All but its calls is the original's: what others read of it, write on it, or make with `new`, now and later. */
function inPlaceOf(original: Function, call: (args: unknown[], self: unknown) => unknown, around?: Around): Function {
  return new Proxy(original, {
    apply: (_original, self, args) => call(args, self),
    get: (_original, key): unknown => (key === AROUND ? around : Reflect.get(original, key)),
  });
}

/** What was thrown, or what a promise was rejected with. */
export interface Failure {
  readonly error: unknown;
}

/** Told how something went: what it gave, or that it failed. */
export type Done = (value: unknown, failure?: Failure) => void;

/** Calls back once `work` has thrown, or what it gives has settled. */
export function afterCall<T>(work: () => T, done: Done): T {
  try {
    return afterSettled(work(), done);
  } catch (error) {
    done(undefined, { error });
    throw error;
  }
}

/**
 * Calls back once `result` has settled, at once if it is no promise. Returns what the caller gets instead. For a plain
 * promise that is a derived one, so that a rejection nobody handles stays unhandled. A promise that has members of its own,
 * or of its class, is awaited beside the caller, who gets that very one. Any other thenable, and a promise whose class
 * has a `then` of its own, may do its work only when it is asked for its value: it is left alone, as no promise.
 */
export function afterSettled<T>(result: T, done: Done): T;
export function afterSettled(result: unknown, done: Done): unknown {
  const isPlain = isPlainPromise(result);
  if (isPlain === undefined) {
    done(result);
    return result;
  }
  const settled = Promise.resolve(result).then(
    (value) => {
      done(value);
      return value;
    },
    (error: unknown) => {
      done(undefined, { error });
      if (isPlain) throw error;
    },
  );
  return isPlain ? settled : result;
}

/** Whether one derived from this promise is all that it is; undefined for what is no promise. */
export function isPlainPromise(value: unknown): boolean | undefined {
  try {
    if (!(value instanceof Promise) || value.then !== Promise.prototype.then) return undefined;
    return value.constructor === Promise && Object.keys(value).length === 0;
  } catch {
    // A proxy that lets nobody look at it: the host gets it as it is.
  }
  return undefined;
}
