import type { AsyncLocalStorage } from 'node:async_hooks';
import { methodWrapper } from '../../adapter.ts';
import { follow, type OpenAITap } from './follow.ts';
import { readFailure, recordIn, sessionIdOf } from './native.ts';
import type { PassingHooks } from './passing-hooks.ts';
import type { StoreRun } from './store-run.ts';
import { ACCEPTS, acceptsRunContext, isStore, OPERATIONS, runContextOf, withoutContext } from './session-store.ts';

/**
 * Shows what runs do to the histories of sessions. Returns what observes a session, before a run with it begins; and
 * the store that the SDK's compaction keeps in it. `runs`: where flows carry their run, if anybody wants to know.
 */
export function observeStores(
  tap: OpenAITap,
  hooks: PassingHooks,
  runs: () => AsyncLocalStorage<StoreRun> | undefined,
): (session: unknown) => void {
  let calls = 0;
  /** What the stores of an owner say of themselves whether they accept the run's context. */
  const acceptances = new WeakMap<object, (session: object) => boolean>();

  const accepts = (store: object): boolean => {
    const own = acceptances.get(store) ?? acceptances.get(Reflect.getPrototypeOf(store) ?? store);
    return own?.(store) !== false;
  };

  const wrappers = OPERATIONS.map((operation) => {
    const prefix = `session-${operation.name}-`;
    const wrap = methodWrapper(operation.method, (proceed, args, self) => {
      const place = tap.place();
      // A store that does the same by another method of its own, or by the store that it decorates, does it once.
      if (!isStore(self) || !place || place.call?.startsWith(prefix)) return proceed(...args);
      const { run, call: within } = place;
      const running = runs()?.getStore();
      if (running) running.runContext ??= runContextOf(operation, args);
      const given = running && within === undefined && !accepts(self) ? withoutContext(operation, args, self) : args;
      if (!place.isRecorded) return proceed(...given);
      calls += 1;
      const call = `${prefix}${calls}`;
      return tap.around({ kind: 'step', run, call, within, step: 'session', name: operation.name }, () =>
        follow(
          tap,
          () => proceed(...given),
          (_value, failure) =>
            tap.deliver({
              kind: 'step-end',
              run,
              call,
              outcome: failure ? readFailure(failure.error) : { kind: 'ok' },
              session: sessionIdOf(self),
            }),
        ),
      );
    });
    return { method: operation.method, wrap };
  });

  const hook = (owner: object): void =>
    hooks.once(owner, () => {
      const acceptance = observeAcceptance(owner, () => runs()?.getStore() !== undefined && isRunnerAsking(tap));
      acceptances.set(owner, acceptance.own);
      const undo = wrappers
        .filter(({ method }) => typeof Reflect.get(owner, method) === 'function')
        .map(({ wrap }) => wrap(owner));
      // Nobody would keep the context from a store whose methods are not ours.
      if (undo.every((step) => step !== undefined)) return [...undo, acceptance.place()];
      return undo;
    });

  return (session) => {
    for (const store of [session, recordIn(session, 'underlyingSession')]) if (isStore(store)) hook(ownerOf(store));
  };
}

/**
 * What has the methods of a store: its class, as programs make a store for each request; the store itself, where
 * anything of it is its own.
 */
function ownerOf(store: object): object {
  const prototype = Reflect.getPrototypeOf(store);
  if (!prototype || prototype === Object.prototype || !Object.isExtensible(prototype)) return store;
  return OWN.some((name) => Object.hasOwn(store, name)) ? store : prototype;
}

const OWN: readonly string[] = [ACCEPTS, ...OPERATIONS.map(({ method }) => method)];

/**
 * The runner shows its context only to sessions that accept it. While it asks, an observed session says that it does,
 * and its hooks keep the context from a session that has not opted in. `owner` is the session or its class.
 */
function observeAcceptance(
  owner: object,
  isAsking: () => boolean,
): { readonly own: (session: object) => boolean; readonly place: () => (() => void) | undefined } {
  let isOwn = false;
  const own = (session: object): boolean => {
    isOwn = true;
    try {
      return acceptsRunContext(session);
    } finally {
      isOwn = false;
    }
  };
  const before = Object.getOwnPropertyDescriptor(owner, ACCEPTS);
  /** Says what the session would say without us. */
  const original: object = Object.create(Object.getPrototypeOf(owner), before ? { [ACCEPTS]: before } : {});
  const get = function (this: unknown): unknown {
    return (!isOwn && isAsking()) || Reflect.get(original, ACCEPTS, this);
  };
  const place = (): (() => void) | undefined => {
    if (before?.configurable === false) return undefined;
    if (!Reflect.defineProperty(owner, ACCEPTS, { get, set: setAcceptance, configurable: true, enumerable: false }))
      return undefined;
    return () => {
      if (Object.getOwnPropertyDescriptor(owner, ACCEPTS)?.get !== get) return;
      if (before) Reflect.defineProperty(owner, ACCEPTS, before);
      else Reflect.deleteProperty(owner, ACCEPTS);
    };
  };
  return { own, place };
}

/** Who sets it after all has it as its own. */
function setAcceptance(this: object, value: unknown): void {
  Reflect.defineProperty(this, ACCEPTS, { value, configurable: true, enumerable: true, writable: true });
}

/** The runner works in the run itself; tools, models and stores in their own calls. */
function isRunnerAsking(tap: OpenAITap): boolean {
  const place = tap.place();
  return place !== undefined && place.call === undefined;
}
