import { AsyncLocalStorage } from 'node:async_hooks';

/** The run at work in a place, as session stores need to know it. */
export interface StoreRun {
  /** The run's context, once anything has shown it, until the run is over. */
  runContext: unknown;
  /** Nothing has shown it yet. */
  isLate: boolean;
}

/** Notes the context that something shows of a run, unless it is known, or the run is over. */
export function showContext(running: StoreRun | undefined, runContext: unknown): void {
  if (!running?.isLate || runContext === undefined) return;
  running.runContext = runContext;
  running.isLate = false;
}

/**
 * The key under which an asynchronous flow carries its run, and nothing more: what it leads to ends with the flow. A
 * symbol of the registry, so that copies of this package (a bundled one, one by the module hook) have the same key.
 */
const RUN = Symbol.for('turnkeeper.openai-agents.run');

/** The runs of flows, for whoever wants to know them. From here on there is somebody. */
export function storeRuns(): AsyncLocalStorage<StoreRun> {
  const existing = storeRunsIfAny();
  if (existing) return existing;
  const storage = new AsyncLocalStorage<StoreRun>();
  Reflect.defineProperty(globalThis, RUN, { value: storage });
  return storage;
}

/** Undefined where nobody wants to know: to carry a run along costs every flow in it a little. */
export function storeRunsIfAny(): AsyncLocalStorage<StoreRun> | undefined {
  const existing: unknown = Reflect.get(globalThis, RUN);
  return existing instanceof AsyncLocalStorage ? existing : undefined;
}
