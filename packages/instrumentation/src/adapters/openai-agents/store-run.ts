import { AsyncLocalStorage } from 'node:async_hooks';

/** The run at work in a place, as session stores need to know it. */
export interface StoreRun {
  /** The run's context, once anything has shown it. */
  runContext: unknown;
}

const RUN = Symbol.for('turnkeeper.openai-agents.run');

/**
 * The key under which an asynchronous flow carries its run, and nothing more: what it leads to ends with the flow. A
 * symbol of the registry, so that copies of this package (a bundled one, one by the module hook) have the same key.
 */
export const storeRun: AsyncLocalStorage<StoreRun> = sharedStorage();

function sharedStorage(): AsyncLocalStorage<StoreRun> {
  const existing: unknown = Reflect.get(globalThis, RUN);
  if (existing instanceof AsyncLocalStorage) return existing;
  const storage = new AsyncLocalStorage<StoreRun>();
  Reflect.defineProperty(globalThis, RUN, { value: storage });
  return storage;
}
