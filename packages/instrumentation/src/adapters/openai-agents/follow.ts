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
