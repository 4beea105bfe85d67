import { afterSettled, type Tap } from '../../adapter.ts';
import type { OpenAIAgentsNative } from './native.ts';

export type OpenAITap = Tap<OpenAIAgentsNative>;

export interface Failure {
  readonly error: unknown;
}

/** Works, and says once how it went: at once, or when what it gives has settled. Saying so never fails the work. */
export function follow<T>(tap: OpenAITap, work: () => T, done: (value: unknown, failure?: Failure) => void): T {
  const say = (value: unknown, failure?: Failure): void => tap.guard(() => done(value, failure));
  let result: T;
  try {
    result = work();
  } catch (error) {
    say(undefined, { error });
    throw error;
  }
  return afterSettled(result, say);
}

/** The same for an asynchronous iteration: each step is taken by `step`, and `see` is told what it gave. */
export function followSteps(
  tap: OpenAITap,
  stream: AsyncIterable<unknown>,
  {
    step,
    see,
    done,
  }: {
    readonly step: <T>(work: () => T) => T;
    readonly see: (value: unknown) => void;
    readonly done: (failure?: Failure) => void;
  },
): AsyncIterable<unknown> {
  const seen = (result: unknown, failure?: Failure): void => {
    if (failure || !isRunning(result)) done(failure);
    else see(result.value);
  };
  const last = (_result: unknown, failure?: Failure): void => done(failure);
  return {
    [Symbol.asyncIterator]() {
      const iterator = step(() => stream[Symbol.asyncIterator]());
      return {
        next: (...given) => follow(tap, () => step(() => iterator.next(...given)), seen),
        ...(iterator.return && {
          return: (value?: unknown) => follow(tap, () => step(() => returnOf(iterator, value)), last),
        }),
        ...(iterator.throw && {
          throw: (error?: unknown) => follow(tap, () => step(() => throwInto(iterator, error)), last),
        }),
      };
    },
  };
}

async function returnOf(iterator: AsyncIterator<unknown>, value: unknown): Promise<IteratorResult<unknown>> {
  return (await iterator.return?.(value)) ?? { done: true, value };
}

async function throwInto(iterator: AsyncIterator<unknown>, error: unknown): Promise<IteratorResult<unknown>> {
  if (!iterator.throw) throw error;
  return await iterator.throw(error);
}

function isRunning(result: unknown): result is { readonly value: unknown } {
  return (
    typeof result === 'object' && result !== null && 'value' in result && !('done' in result && result.done === true)
  );
}
