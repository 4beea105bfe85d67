import type { Adapter, RunId, Tap } from './adapter.ts';
import { Attachment } from './attachment.ts';
import type { RunEvent } from './run-event.ts';
import { providersOf, RunLog, settingsOf } from './settings.ts';
import type { ObserveOptions } from './observe.ts';
import { TurnkeeperError } from './turnkeeper-error.ts';
import { sessionIdProblem } from './session/session-id.ts';
import { afterSettled } from './wrap-method.ts';

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
 * Instances made by a traced class are traced too. A method runs until its promise settles, or its stream is read.
 * @throws TurnkeeperError `invalid-option` where the name is no good, or there is nothing that could be called.
 */
export function traceService<T extends object>(executionObject: T, options: TraceServiceOptions): T {
  const problem = sessionIdProblem(options?.name);
  if (problem !== undefined) {
    throw new TurnkeeperError(
      'invalid-option',
      `traceService needs a name for the service; ${problem === 'absent' ? 'it is missing' : problem}.`,
    );
  }
  if ((typeof executionObject !== 'object' || executionObject === null) && typeof executionObject !== 'function') {
    throw new TurnkeeperError('invalid-option', 'traceService traces a class, an instance or a function.');
  }
  const { name } = options;
  const adapter: Adapter<object, ServiceNative, object> = {
    name,
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

  constructor(name: string, tap: Tap<ServiceNative>) {
    this.#name = name;
    this.#tap = tap;
  }

  /** `owners`: the objects that a session may be attached to, besides this one. */
  proxyOf<T extends object>(target: T, owners: readonly object[]): T {
    const own = [target, ...owners];
    const traced = new WeakMap<Function, Function>();
    const proxy: T = new Proxy(target, {
      apply: (callee, self, args) =>
        this.#call(this.#name, own, args, () => (isFunction(callee) ? Reflect.apply(callee, self, args) : undefined)),
      construct: (constructor, args, newTarget) => {
        const made: unknown = isFunction(constructor) ? Reflect.construct(constructor, args, newTarget) : {};
        const instance = isObject(made) ? made : {};
        // A subclass puts its own private members on what it gets: that must be the instance itself.
        return newTarget === proxy ? this.proxyOf(instance, own) : instance;
      },
      get: (object, key) => {
        const value: unknown = Reflect.get(object, key, object);
        if (!isFunction(value) || typeof key === 'symbol' || !isMethod(object, key)) return value;
        const known = traced.get(value);
        if (known) return known;
        const name = `${this.#name}.${key}`;
        const method = (...args: unknown[]): unknown =>
          this.#call(name, own, args, () => Reflect.apply(value, object, args));
        traced.set(value, method);
        return method;
      },
    });
    return proxy;
  }

  #call(agent: string, owners: readonly object[], args: readonly unknown[], work: () => unknown): unknown {
    const tap = this.#tap;
    const run = tap.mint();
    return tap.run(run, owners, () => {
      tap.deliver({ events: [{ type: 'run.start', run, agent, input: () => args }] });
      let result: unknown;
      try {
        result = work();
      } catch (error) {
        this.#end(run, undefined, { error });
        throw error;
      }
      if (isStream(result)) return this.#follow(run, result);
      return afterSettled(result, (value, failure) => this.#end(run, value, failure));
    });
  }

  /** The run of a stream is over when the stream is. */
  #follow(run: RunId, stream: AsyncIterable<unknown>): AsyncIterable<unknown> {
    const end = (failure?: { readonly error: unknown }): void => this.#end(run, undefined, failure);
    const placed = this.#tap.through({ run }, stream);
    return (async function* () {
      try {
        yield* placed;
        end();
      } catch (error) {
        end({ error });
        throw error;
      } finally {
        // A reader that leaves early has had what it wanted.
        end();
      }
    })();
  }

  #end(run: RunId, output: unknown, failure: { readonly error: unknown } | undefined): void {
    const type = failure?.error instanceof Error ? failure.error.name : 'error';
    const outcome = failure ? ({ kind: 'error', type } as const) : ({ kind: 'ok' } as const);
    this.#tap.deliver({ events: [{ type: 'run.end', run, outcome, output: () => output }] });
  }
}

/** What is a function's own business, or cannot be replaced in a proxy, is left as it is. */
function isMethod(object: object, key: string): boolean {
  if (key === 'constructor' || (isFunction(object) && key in Function.prototype)) return false;
  const own = Object.getOwnPropertyDescriptor(object, key);
  return own === undefined || own.configurable === true || own.writable === true;
}

function isStream(value: unknown): value is AsyncIterable<unknown> {
  return typeof value === 'object' && value !== null && Symbol.asyncIterator in value;
}

function isFunction(value: unknown): value is Function {
  return typeof value === 'function';
}

function isObject(value: unknown): value is object {
  return (typeof value === 'object' && value !== null) || isFunction(value);
}
