import type { Context } from '@opentelemetry/api';
import { isObject } from './narrow.ts';
import { runInContext } from './session/active-session.ts';
import { afterSettled } from './wrap-method.ts';

/** Called once a stream is over: read to its end, failed, or left by its reader. */
export type StreamDone = (failure?: { readonly error: unknown }) => void;

/** Makes every iteration of a lazy stream run in this context. Returns whether it could: not where it is frozen. */
export function followStream(within: Context, stream: AsyncIterable<unknown>, done: StreamDone): boolean {
  const iterate = stream[Symbol.asyncIterator].bind(stream);
  const value = (): AsyncIterableIterator<unknown> => iteratorIn(within, runInContext(within, iterate), done);
  return Reflect.defineProperty(stream, Symbol.asyncIterator, { value, configurable: true, writable: true });
}

/** Every step of the iteration runs in this context: a generator resumes in that of whoever asks for its next value. */
function iteratorIn(
  within: Context,
  iterator: AsyncIterator<unknown>,
  done: StreamDone,
): AsyncIterableIterator<unknown> {
  let isOver = false;
  const over: StreamDone = (failure) => {
    if (!isOver) done(failure);
    isOver = true;
  };
  const step = <T extends Promise<IteratorResult<unknown>>>(take: () => T): T =>
    afterSettled(runInContext(within, take), (result, failure) => {
      if (failure || (isObject(result) && Reflect.get(result, 'done'))) over(failure);
    });
  const raise = iterator.throw?.bind(iterator);
  return {
    next: (...given) => step(() => iterator.next(...given)),
    // Without one of its own, an iterator does not care that its reader leaves; the run does.
    return: (value) => step(() => iterator.return?.(value) ?? Promise.resolve({ done: true, value })),
    ...(raise && { throw: (error) => step(() => raise(error)) }),
    [Symbol.asyncIterator]() {
      return this;
    },
  };
}
