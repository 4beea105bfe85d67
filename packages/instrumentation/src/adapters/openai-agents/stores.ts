import type { AsyncLocalStorage } from 'node:async_hooks';
import { methodWrapper } from '../../adapter.ts';
import { readFailure, recordIn, sessionIdOf, type OpenAITap } from './native.ts';
import type { PassingHooks } from './passing-hooks.ts';
import {
  ACCEPTS,
  acceptsRunContext,
  isStore,
  OPERATIONS,
  runContextOf,
  withoutContext,
  type StoreOperation,
} from './session-store.ts';
import { showContext, type StoreRun } from './store-run.ts';

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

  /** The arguments without the context, if the runner shows it only because we wait for it. */
  const takeContext = (operation: StoreOperation, args: readonly unknown[], store: object): readonly unknown[] => {
    const running = runs()?.getStore();
    if (!running?.isLate) return args;
    showContext(running, runContextOf(operation, args));
    return acceptsRunContext(store) ? args : withoutContext(operation, args, store);
  };

  const wrappers = OPERATIONS.map((operation) => {
    const prefix = `session-${operation.name}-`;
    const wrap = methodWrapper(operation.method, (proceed, args, self) => {
      if (!isStore(self)) return proceed(...args);
      const given = takeContext(operation, args, self);
      const place = tap.place();
      // A store that does the same by another method of its own, or by the store that it decorates, does it once.
      if (!place?.isRecorded || place.call?.startsWith(prefix)) return proceed(...given);
      const { run, call: within } = place;
      calls += 1;
      const call = `${prefix}${calls}`;
      return tap.around(
        { kind: 'step', run, call, within, step: 'session', name: operation.name },
        () => proceed(...given),
        (_value, failure) =>
          tap.deliver({
            kind: 'step-end',
            run,
            call,
            outcome: failure ? readFailure(failure.error) : { kind: 'ok' },
            session: sessionIdOf(self),
          }),
      );
    });
    return { method: operation.method, wrap };
  });

  const hook = (owner: object): void =>
    hooks.once(owner, () => {
      const undo = wrappers
        .filter(({ method }) => typeof Reflect.get(owner, method) === 'function')
        .map(({ wrap }) => wrap(owner));
      // Nobody would keep the context from a store whose methods are not ours.
      if (undo.includes(undefined)) return undo;
      return [...undo, acceptWhile(owner, () => runs()?.getStore()?.isLate === true)];
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
 * The runner shows its context only to sessions that accept it. While it is late, an observed session says that it does,
 * and its hooks keep the context from a session that has not opted in. `owner` is the session or its class.
 */
function acceptWhile(owner: object, isLate: () => boolean): (() => void) | undefined {
  const before = Object.getOwnPropertyDescriptor(owner, ACCEPTS);
  /** Says what the session would say without us. */
  const original: object = Object.create(Object.getPrototypeOf(owner), before ? { [ACCEPTS]: before } : {});
  const get = function (this: unknown): unknown {
    return isLate() || Reflect.get(original, ACCEPTS, this);
  };
  if (before?.configurable === false) return undefined;
  // Who copies the session copies what it says, too.
  const enumerable = before?.enumerable === true;
  if (!Reflect.defineProperty(owner, ACCEPTS, { get, set: setAcceptance, configurable: true, enumerable }))
    return undefined;
  return () => {
    if (Object.getOwnPropertyDescriptor(owner, ACCEPTS)?.get !== get) return;
    if (before) Reflect.defineProperty(owner, ACCEPTS, before);
    else Reflect.deleteProperty(owner, ACCEPTS);
  };
}

/** Who sets it after all has it as its own. */
function setAcceptance(this: object, value: unknown): void {
  Reflect.defineProperty(this, ACCEPTS, { value, configurable: true, enumerable: true, writable: true });
}
