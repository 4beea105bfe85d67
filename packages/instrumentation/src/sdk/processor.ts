import { isFunction } from '../narrow.ts';
import { TurnkeeperError } from '../turnkeeper-error.ts';

/** The processor that ours goes around, if any. @throws TurnkeeperError `invalid-option` where it is none. */
export function processorIn<T extends object>(
  owner: string,
  next: T | undefined,
  method: keyof T & string,
): T | undefined {
  if (!next || isFunction(next[method])) return next;
  const message = `A ${owner} goes around the processor that exports. What is given has no ${method}: put an exporter into a processor first.`;
  throw new TurnkeeperError('invalid-option', message);
}
