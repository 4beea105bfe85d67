import type { Context } from '@opentelemetry/api';
import { isFunction, isObject } from './narrow.ts';
import { frameIn, runInContext, type Frame } from './session/active-session.ts';
import { afterCall, type Failure } from './wrap-method.ts';

/** Called once a stream is over: read to its end, failed, or left by its reader. */
export type StreamDone = (failure?: Failure) => void;

/** How a stream is read and left. */
const MEMBERS = [Symbol.asyncIterator, 'next', 'return', 'throw', Symbol.asyncDispose];

/** Takes a step of a stream for whoever follows it. Without a step to take, nobody follows any more. */
type Follower = (take?: () => unknown, isLeft?: boolean) => unknown;

/** Nobody follows. */
const alone: Follower = (take) => take?.();

/** On a stream or an iterator that was wrapped, which is done once: every copy of this package finds it. */
const FOLLOWED = Symbol.for('turnkeeper.followed');

interface Followed {
  by: Follower;
  /** Where who follows was called. */
  from?: Frame | undefined;
}

/**
 * Makes the next reading of a lazy stream run in this context: a generator resumes in that of whoever asks for its next
 * value. `see` is told every value. The stream and its iterator stay the objects that they are.
 *
 * Returns whether it could: not where the stream is frozen, nor where it is given out again before it was read: then
 * nobody knows whose reading it will be, and it is followed no more. Who hands on what a call of its own gave follows it
 * around that call.
 */
export function followStream(
  within: Context,
  stream: AsyncIterable<unknown>,
  done: StreamDone,
  see: (value: unknown) => void,
): boolean {
  const frame = frameIn(within);
  const from = frame?.run && frameIn(frame.run.origin.base);
  let isOver = false;
  const over: StreamDone = (failure) => {
    if (!isOver) done(failure);
    isOver = true;
  };
  const follow = (object: object): boolean => {
    const followed = followedOf(object);
    if (!followed) return false;
    const inner = followed.by;
    if (inner !== alone && followed.from !== frame) return !!inner();
    followed.from = from;
    followed.by = (take, isLeft) => {
      if (!take) over();
      if (isOver) return inner(take, isLeft);
      return afterCall(
        () => runInContext(within, () => inner(take, isLeft)),
        (result, failure) => {
          try {
            if (isLeft || failure || !isObject(result) || Reflect.get(result, 'done')) over(failure);
            else if (!isFunction(Reflect.get(result, 'next'))) see(Reflect.get(result, 'value'));
            else if (result !== object) {
              followed.by = alone;
              if (!follow(result)) over();
            }
          } catch {
            // A proxy that lets nobody look at it: the reader gets it as it is.
            over();
          }
        },
      );
    };
    return true;
  };
  return follow(stream);
}

/** Wraps it, unless that was done before; undefined where it is frozen. */
function followedOf(object: object): Followed | undefined {
  const existing: unknown = Object.hasOwn(object, FOLLOWED) ? Reflect.get(object, FOLLOWED) : undefined;
  if (isFollowed(existing)) return existing;
  const followed: Followed = { by: alone };
  if (!MEMBERS.every((name) => wrap(object, name, followed))) return undefined;
  Reflect.defineProperty(object, FOLLOWED, { value: followed });
  return followed;
}

function isFollowed(value: unknown): value is Followed {
  return isObject(value) && 'by' in value;
}

function wrap(object: object, name: string | symbol, followed: Followed): boolean {
  // Without one of its own, an iterator does not care that its reader leaves; the run does.
  const own: unknown = Reflect.get(object, name) ?? (name === 'return' && 'next' in object && leave);
  if (!isFunction(own)) return true;
  // It may give something more in its `finally`, which nobody reads.
  const isLeft = name === 'return';
  const call = (self: unknown, given: unknown[]): unknown => followed.by(() => Reflect.apply(own, self, given), isLeft);
  // `await using` takes no proxy of a function: https://github.com/nodejs/node/issues/65482.
  const value =
    name === Symbol.asyncDispose
      ? function (this: unknown, ...given: unknown[]): unknown {
          return call(this, given);
        }
      : new Proxy(own, { apply: (_own, self, given) => call(self, given) });
  return Reflect.defineProperty(object, name, { value, configurable: true, writable: true });
}

const leave = async (value: unknown): Promise<unknown> => ({ done: true, value });
