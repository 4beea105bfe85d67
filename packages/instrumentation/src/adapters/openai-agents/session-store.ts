import { isRecord } from './native.ts';

/** What can be done to a history, with the place of the run's context among the arguments, where there is one. */
export const OPERATIONS: readonly StoreOperation[] = [
  { method: 'getItems', name: 'getItems', context: 1 },
  { method: 'addItems', name: 'addItems', context: 1 },
  { method: 'popItem', name: 'popItem', context: 0 },
  { method: 'clearSession', name: 'clearSession', context: 0 },
  { method: 'replaceHistoryWithCompaction', name: 'replaceHistory', context: 1 },
  { method: 'applyHistoryTransaction', name: 'applyHistoryTransaction', context: 1 },
  { method: 'applyHistoryMutations', name: 'applyHistoryMutations' },
  { method: 'runCompaction', name: 'runCompaction', context: 1 },
  { method: 'getItemsWithCompactionOwnership', name: 'getItems', context: 0, isAlwaysTold: true },
  { method: 'addItemsWithCompactionOwnership', name: 'addItems', context: 2, isAlwaysTold: true },
];

export interface StoreOperation {
  readonly method: string;
  /** What it is called in a span. */
  readonly name: string;
  /** Where the run's context goes, in a store that accepts it. */
  readonly context?: number;
  /** The SDK passes the context whether the store has opted in or not. */
  readonly isAlwaysTold?: boolean;
}

/** Whether a store has opted in to the run's context, in the SDK's own words. */
export function acceptsRunContext(store: object): boolean {
  return Reflect.get(store, ACCEPTS) === true;
}

export const ACCEPTS = 'acceptsRunContext';

/** The run's context among these arguments. */
export function runContextOf(operation: StoreOperation, args: readonly unknown[]): unknown {
  return operation.context === undefined ? undefined : args[operation.context];
}

/** The same arguments with the run's context, where it is missing. */
export function withContext(
  operation: StoreOperation,
  args: readonly unknown[],
  runContext: unknown,
): readonly unknown[] {
  const { context } = operation;
  if (context === undefined || runContext === undefined || args[context] !== undefined) return args;
  const given = Array.from({ length: Math.max(args.length, context) }, (_nothing, index) => args[index]);
  given[context] = runContext;
  return given;
}

/** The arguments as the SDK passes them to a store that has not opted in. */
export function withoutContext(operation: StoreOperation, args: readonly unknown[], store: object): readonly unknown[] {
  const { context, isAlwaysTold, method } = operation;
  if (context === undefined || isAlwaysTold === true || args.length <= context) return args;
  if (method === 'runCompaction' && Reflect.has(store, 'getItemsWithCompactionOwnership')) return args;
  const given = args.slice(0, context);
  while (given.length > 0 && given.at(-1) === undefined) given.pop();
  return given;
}

/** A session by its shape. */
export function isStore(value: unknown): value is Record<string, unknown> {
  return isRecord(value) && typeof value['getItems'] === 'function' && typeof value['addItems'] === 'function';
}
