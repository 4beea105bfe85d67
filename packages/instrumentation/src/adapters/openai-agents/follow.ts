import { afterSettled, wrapMethod, type Around, type Tap } from '../../adapter.ts';
import { isRecord, type OpenAIAgentsNative } from './native.ts';

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

/**
 * The same for an asynchronous iteration, which stays the object that it is: each step is taken by `step`, and `see` is
 * told what it gave. Returns whether it can be followed: not where it is frozen.
 */
export function followSteps(
  tap: OpenAITap,
  stream: object,
  {
    step,
    see,
    done,
  }: {
    readonly step: <T>(work: () => T) => T;
    readonly see: (value: unknown) => void;
    readonly done: (failure?: Failure) => void;
  },
): boolean {
  const seen = (result: unknown, failure?: Failure): void => {
    if (failure || !isRunning(result)) done(failure);
    else see(result['value']);
  };
  const around: Around = (proceed, args) => follow(tap, () => step(() => proceed(...args)), seen);
  const followIterator = (iterator: object): boolean => {
    wrapMethod(iterator, 'return', around);
    wrapMethod(iterator, 'throw', around);
    return wrapMethod(iterator, 'next', around) !== undefined;
  };
  if ('next' in stream) return followIterator(stream);
  const undo = wrapMethod(stream, Symbol.asyncIterator, (proceed, args) => {
    // A model may give one stream several times: hooks must not pile up on it.
    undo?.();
    const iterator = step(() => proceed(...args));
    if (isRecord(iterator)) followIterator(iterator);
    return iterator;
  });
  return undo !== undefined;
}

function isRunning(result: unknown): result is Record<string, unknown> {
  return isRecord(result) && 'value' in result && result['done'] !== true;
}
