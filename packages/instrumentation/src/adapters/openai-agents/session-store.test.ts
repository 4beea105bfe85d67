import { expect, test } from 'vitest';
import { OPERATIONS, runContextOf, withContext, withoutContext } from './session-store.ts';

const operation = (method: string): (typeof OPERATIONS)[number] => OPERATIONS.find((one) => one.method === method)!;
const context = { ours: true };

test.each([
  ['getItems', [], [undefined, context]],
  ['getItems', [5], [5, context]],
  ['addItems', [['item']], [['item'], context]],
  ['popItem', [], [context]],
  ['runCompaction', [{ force: true }], [{ force: true }, context]],
  ['addItemsWithCompactionOwnership', [['item'], 'owner'], [['item'], 'owner', context]],
])('%s of %j gets the run’s context in its place, and gives it back', (method, args, given) => {
  expect(withContext(operation(method), args, context)).toEqual(given);
  expect(runContextOf(operation(method), given)).toBe(context);
  expect(withContext(operation(method), args, undefined)).toBe(args);
  expect(withContext(operation(method), given, { another: true })).toBe(given);
});

test.each([
  ['getItems', [undefined, context], []],
  ['getItems', [5, context], [5]],
  ['getItems', [5], [5]],
  ['addItems', [['item'], context], [['item']]],
  ['popItem', [context], []],
  ['runCompaction', [{ force: true }, context], [{ force: true }]],
  ['runCompaction', [undefined, context], []],
])('%s of %j is called without it where the store has not opted in', (method, args, given) => {
  expect(withoutContext(operation(method), args, {})).toEqual(given);
});

test.each([
  ['applyHistoryMutations', {}, [['mutation'], context]],
  ['getItemsWithCompactionOwnership', {}, [context]],
  ['runCompaction', { getItemsWithCompactionOwnership: () => [] }, [{ force: true }, context]],
])('%s of a store is called as the SDK calls it', (method, store, args) => {
  expect(withoutContext(operation(method), args, store)).toBe(args);
});
