import { methodWrapper } from '../../adapter.ts';
import { follow, type OpenAITap } from './follow.ts';
import { readFailure, recordIn, sessionIdOf } from './native.ts';
import type { PassingHooks } from './passing-hooks.ts';
import { storeRun } from './store-run.ts';
import {
  ACCEPTS,
  acceptsRunContext,
  isStore,
  OPERATIONS,
  runContextOf,
  withoutContext,
  type StoreOperation,
} from './session-store.ts';

/**
 * Shows what runs do to the histories of sessions. Returns what observes a session, before a run with it begins; and
 * the store that the SDK's compaction keeps in it.
 */
export function observeStores(tap: OpenAITap, hooks: PassingHooks): (session: unknown) => void {
  let calls = 0;
  /** What a store that is given to runs says of itself whether it accepts their context. */
  const acceptances = new WeakMap<object, () => boolean>();

  const wrappers = OPERATIONS.map((operation) => {
    const wrap = methodWrapper(operation.method, (proceed, args, self) => {
      const place = tap.place();
      if (!isStore(self) || !place || isAtWork(operation, place.call)) return proceed(...args);
      const own = acceptances.get(self);
      const { run, call: within } = place;
      const running = storeRun.getStore();
      if (running) running.runContext ??= runContextOf(operation, args);
      const given = within === undefined && own?.() === false ? withoutContext(operation, args, self) : args;
      if (!place.isRecorded) return proceed(...given);
      calls += 1;
      const call = `${prefixOf(operation)}${calls}`;
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

  return (session) => {
    if (!isStore(session)) return;
    hooks.once(session, () => {
      const acceptance = observeAcceptance(session, () => isRunnerAsking(tap));
      acceptances.set(session, acceptance.own);
      const undo = wrappers
        .filter(({ method }) => typeof session[method] === 'function')
        .map(({ wrap }) => wrap(session));
      // Nobody would keep the context from a store whose methods are not ours.
      if (undo.every((step) => step !== undefined)) return [...undo, acceptance.place()];
      return undo;
    });
    const inner = recordIn(session, 'underlyingSession');
    if (!isStore(inner)) return;
    hooks.once(inner, () => wrappers.map(({ wrap }) => wrap(inner)));
  };
}

/**
 * The runner shows its context only to sessions that accept it. While it asks, an observed session says that it does,
 * and its hooks keep the context from a session that has not opted in.
 */
function observeAcceptance(
  session: object,
  isAsking: () => boolean,
): { readonly own: () => boolean; readonly place: () => (() => void) | undefined } {
  let isOwn = false;
  const own = (): boolean => {
    isOwn = true;
    try {
      return acceptsRunContext(session);
    } finally {
      isOwn = false;
    }
  };
  const before = Object.getOwnPropertyDescriptor(session, ACCEPTS);
  /** Says what the session would say without us. */
  const original: object = Object.create(Object.getPrototypeOf(session), before ? { [ACCEPTS]: before } : {});
  const said = (): unknown => Reflect.get(original, ACCEPTS, session);
  const place = (): (() => void) | undefined => {
    if (before?.configurable === false || said() === true) return undefined;
    const get = (): unknown => (!isOwn && isAsking()) || said();
    const set = (value: unknown): void =>
      void Reflect.defineProperty(session, ACCEPTS, { value, configurable: true, enumerable: true, writable: true });
    if (!Reflect.defineProperty(session, ACCEPTS, { get, set, configurable: true, enumerable: false }))
      return undefined;
    return () => {
      if (Object.getOwnPropertyDescriptor(session, ACCEPTS)?.get !== get) return;
      if (before) Reflect.defineProperty(session, ACCEPTS, before);
      else Reflect.deleteProperty(session, ACCEPTS);
    };
  };
  return { own, place };
}

/** The runner works in the run itself; tools, models and stores in their own calls. */
function isRunnerAsking(tap: OpenAITap): boolean {
  const place = tap.place();
  return place !== undefined && place.call === undefined;
}

/** A store that does the same by another method of its own, or by the store that it decorates, does it once. */
function isAtWork(operation: StoreOperation, call: string | undefined): boolean {
  return call?.startsWith(prefixOf(operation)) === true;
}

function prefixOf({ name }: StoreOperation): string {
  return `session-${name}-`;
}
