import type { Adapter, RunId, Tap } from './adapter.ts';
import { Attachment } from './attachment.ts';
import type { RunEvent } from './run-event.ts';
import { providersOf, RunLog, settingsOf } from './settings.ts';
import type { ObserveOptions } from './observe.ts';
import { TurnkeeperError } from './turnkeeper-error.ts';
import { isFunction, isObject, text } from './narrow.ts';
import { sessionIdProblem } from './session/session-id.ts';
import { isPlainPromise, type Failure } from './wrap-method.ts';

export interface TraceServiceOptions extends ObserveOptions {
  /** What the service is called in its spans: `invoke_agent {name}`. 1 to 128 printable characters. */
  readonly name: string;
}

/** The events themselves: there is no engine to translate. */
interface ServiceNative {
  readonly events: readonly RunEvent[];
}

/**
 * Traces code that is no engine: gives a proxy of a class, an instance or a function whose calls are runs, each in the
 * session attached to the object, else in that of its caller. The object itself is left as it is: its calls to itself
 * are not traced, and its private members work.
 *
 * Instances made by a traced class are traced too. A call runs until its promise settles, and where it gives an
 * asynchronous stream, until that has been iterated. What can be read in ways that nobody sees (a Node, web or OpenAI
 * stream, a directory, a thenable that is no promise) is given as it is, and the call is over.
 * @throws TurnkeeperError `invalid-option` where the name is no good, or there is nothing that could be called.
 */
export function traceService<T extends object>(executionObject: T, options: TraceServiceOptions): T {
  const problem = isObject(executionObject) ? sessionIdProblem(options?.name) : 'there is nothing that could be called';
  if (problem !== undefined) {
    const message = `traceService needs a class, an instance or a function, and a name for it: ${problem}.`;
    throw new TurnkeeperError('invalid-option', message);
  }
  const { name } = options;
  const adapter: Adapter<object, ServiceNative, object> = {
    name,
    isService: true,
    start: () => ({}),
    translate: ({ events }) => events,
    attach: () => () => {},
  };
  const settings = settingsOf(options, providersOf(options), new RunLog(options.onRunStart));
  const attachment = new Attachment(adapter, executionObject, settings);
  attachment.explicitSession = options.session;
  return new Service(name, attachment).proxyOf(executionObject, []);
}

class Service {
  readonly #name: string;
  readonly #tap: Tap<ServiceNative>;
  /** What was given out, both ways: instances look at each other's private members, which only they themselves have. */
  readonly #targets = new WeakMap<object, object>();
  readonly #proxies = new WeakMap<object, object>();

  constructor(name: string, tap: Tap<ServiceNative>) {
    this.#name = name;
    this.#tap = tap;
  }

  /** `owners`: the objects that a session may be attached to, besides this one. */
  proxyOf<T extends object>(target: T, owners: readonly object[]): T {
    const traced = new WeakMap<Function, Map<string | symbol, Function>>();
    const itself = (value: unknown): unknown => other(this.#targets, value);
    const proxy: T = new Proxy(target, {
      apply: (callee, self, args) =>
        this.#call(this.#name, own, args, () =>
          isFunction(callee) ? Reflect.apply(callee, self, args.map(itself)) : undefined,
        ),
      construct: (constructor, given, newTarget) => {
        const args = given.map(itself);
        if (!isFunction(constructor)) return {};
        // A subclass puts its own private members on what it gets: that must be the instance itself.
        if (newTarget !== proxy) return construct(constructor, args, newTarget);
        return this.proxyOf(construct(constructor, args, constructor), own);
      },
      get: (object, key, receiver) => {
        const value: unknown = Reflect.get(object, key, itself(receiver));
        if (!isFunction(value) || !isMethod(key, value)) return value;
        const held = Object.getOwnPropertyDescriptor(object, key);
        // A proxy must show what can never change as it is.
        if (held && !held.configurable && !held.writable) {
          this.#tap.warn('methods of a frozen object are not traced; pass one that is not, or an instance of a class');
          return value;
        }
        const named = traced.get(value) ?? new Map<string | symbol, Function>();
        const known = named.get(key);
        if (known) return known;
        const call = (self: unknown, args: unknown[]): unknown => Reflect.apply(value, itself(self), args.map(itself));
        // `using` takes no proxy of a function: https://github.com/nodejs/node/issues/65482.
        const method: Function =
          key === Symbol.dispose || key === Symbol.asyncDispose
            ? function (this: unknown, ...args: unknown[]): unknown {
                return call(this, args);
              }
            : new Proxy(value, {
                apply: (_callee, self, args) =>
                  typeof key === 'symbol' || key in Object.prototype
                    ? call(self, args)
                    : this.#call(`${this.#name}.${key}`, own, args, () => call(self, args)),
                construct: (_callee, args, newTarget) =>
                  construct(value, args, newTarget === method ? value : newTarget),
              });
        traced.set(value, named.set(key, method));
        return method;
      },
      set: (object, key, value, receiver) => Reflect.set(object, key, value, itself(receiver)),
    });
    const own = [target, proxy, ...owners];
    this.#targets.set(proxy, target);
    this.#proxies.set(target, proxy);
    return proxy;
  }

  /** A call that gives an object which is traced gives its proxy, to be called on. */
  #call(agent: string, owners: readonly object[], args: readonly unknown[], work: () => unknown): unknown {
    const tap = this.#tap;
    const run = tap.mint();
    const [target] = owners;
    const give = (value: unknown): unknown => other(this.#proxies, value);
    const result = tap.run(
      run,
      owners,
      () => {
        tap.deliver({ events: [{ type: 'run.start', run, agent, input: () => args }] });
        return work();
      },
      (value, failure) => this.#pass(run, value === target ? undefined : value, failure),
    );
    return isPlainPromise(result) ? Promise.resolve(result).then(give) : give(result);
  }

  /** The run of a stream is over when the stream is, or when its reader leaves. */
  #pass(run: RunId, value: unknown, failure: Failure | undefined): void {
    if (isStream(value)) this.#tap.through({ run }, value, (broken) => this.#end(run, undefined, broken));
    else this.#end(run, hasAny(value, [Symbol.asyncIterator, 'then']) ? undefined : value, failure);
  }

  #end(run: RunId, output: unknown, failure: Failure | undefined): void {
    const outcome = failure ? ({ kind: 'error', type: typeOf(failure.error) } as const) : ({ kind: 'ok' } as const);
    this.#tap.deliver({ events: [{ type: 'run.end', run, outcome, output: () => output }] });
  }
}

/** What stands for this value there, else the value. */
function other(there: WeakMap<object, object>, value: unknown): unknown {
  return (isObject(value) && there.get(value)) || value;
}

function typeOf(error: unknown): string {
  try {
    if (error instanceof Error) return text(error.name) ?? 'error';
  } catch {
    // One that lets nobody ask for its name.
  }
  return 'error';
}

function construct(constructor: Function, args: unknown[], newTarget: Function): object {
  const made: unknown = Reflect.construct(constructor, args, newTarget);
  return isObject(made) ? made : {};
}

/** A function's own `call` and `bind` are on the proxy. */
function isMethod(key: string | symbol, value: Function): boolean {
  return key !== 'constructor' && Object.getOwnPropertyDescriptor(Function.prototype, key)?.value !== value;
}

/** Ways to read what is also a stream that nobody sees: of a thenable, a Node, web or OpenAI stream, a directory, a list. */
const UNSEEN = ['then', 'on', 'getReader', 'tee', 'toReadableStream', 'read', Symbol.iterator];

/** Whether its reading can be followed. */
function isStream(value: unknown): value is AsyncIterable<unknown> {
  return hasAny(value, [Symbol.asyncIterator]) && !hasAny(value, UNSEEN);
}

function hasAny(value: unknown, names: readonly (string | symbol)[]): boolean {
  try {
    return isObject(value) && names.some((name) => name in value);
  } catch {
    // A proxy that lets nobody look at it: the caller gets it as it is.
    return false;
  }
}
