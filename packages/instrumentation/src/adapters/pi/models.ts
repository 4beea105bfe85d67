import { AsyncLocalStorage } from 'node:async_hooks';
import { afterCall, wrapMethod, type Carrier, type Destination, type Failure, type Tap } from '../../adapter.ts';
import {
  hostReader,
  isAborted,
  isRecord,
  nameOf,
  readMessage,
  readModel,
  type PiNative,
  type PiSession,
} from './native.ts';
import { isUnheard, placeOf } from './place.ts';

/** Follows the calls of the session's model. */
export interface ObservedModels {
  /** The model that is answering has said something. */
  readonly output: () => void;
  readonly undo: () => void;
}

export function observeModels(session: PiSession, tap: Tap<PiNative>): ObservedModels {
  const { agent } = session;
  const hostOf = hostReader();
  let calls = 0;
  /** The call whose first output is still to come. */
  let waiting: string | undefined;
  // `streamFn` up to 0.79.
  const member = 'streamFunction' in agent ? 'streamFunction' : 'streamFn';
  const original: unknown = Reflect.get(agent, member);

  const unwrap = wrapMethod(agent, member, (proceed, args) => {
    const [model, input, options, ...rest] = args;
    const send = (carrier: (to: Destination) => Carrier): unknown => {
      const given = isRecord(options) ? options : {};
      const headers = { ...carrier({ host: hostOf(model) }), ...(isRecord(given['headers']) ? given['headers'] : {}) };
      return proceed(model, input, { ...given, headers }, ...rest);
    };
    waiting = undefined;
    if (isUnheard(tap)) return tap.around({ kind: 'unheard' }, send);
    const { id, provider } = readModel(model);
    const call = `model-${++calls}`;
    waiting = call;
    const end = (message: unknown, failure?: Failure): void =>
      tap.deliver({
        kind: 'model-end',
        call,
        message: failure ? undefined : readMessage(message),
        failure: failure && nameOf(failure.error),
        isAborted: isAborted(options),
      });
    const native = { kind: 'model', place: placeOf(session, tap), call, model: id, provider, input } as const;
    return tap.around(native, send, (stream, failure) => {
      if (failure) end(undefined, failure);
      else resultOf(stream).then(end, (error: unknown) => end(undefined, { error }));
    });
  });

  const output = (): void => {
    if (waiting === undefined) return;
    tap.deliver({ kind: 'model-output', call: waiting });
    waiting = undefined;
  };
  const unveil = unwrap && showOriginal(session, member, original);
  return {
    output,
    undo() {
      unwrap?.();
      unveil?.();
    },
  };
}

/** Asks whose credentials the request for a summary needs. */
const ASKS = '_getSummarizationRequestAuth';

/**
 * Pi knows by the very function that streams whether that has credentials of its own: with another one in its place, it
 * would pass those that it finds itself. Whoever asks that sees the agent's own. Only while somebody asks: mocks want
 * methods that are plain properties. Returns what ends it.
 */
function showOriginal(session: PiSession, member: string, original: unknown): (() => void) | undefined {
  const { agent } = session;
  const asking = new AsyncLocalStorage<true>();
  const ours: unknown = Reflect.get(agent, member);
  let asks = 0;
  let current = ours;
  const place = (now: PropertyDescriptor): void =>
    void Reflect.defineProperty(agent, member, { ...now, configurable: true, enumerable: true });
  const get = (): unknown => (asking.getStore() && current === ours ? original : current);
  const set = (value: unknown): void => void (current = value);
  return wrapMethod(session, ASKS, (proceed, args) => {
    if (Reflect.get(agent, member) !== ours) return proceed(...args);
    if (asks === 0) {
      current = ours;
      place({ get, set });
    }
    asks += 1;
    return afterCall(
      () => asking.run(true, () => proceed(...args)),
      () => {
        asks -= 1;
        // Who has put something else there meanwhile, perhaps another observation, keeps it.
        const isOurs = Object.getOwnPropertyDescriptor(agent, member)?.get === get;
        if (asks === 0 && isOurs) place({ value: current, writable: true });
      },
    );
  });
}

/** Pi's streams promise their last message. */
async function resultOf(stream: unknown): Promise<unknown> {
  if (!isRecord(stream) || typeof stream['result'] !== 'function') return undefined;
  return await Reflect.apply(stream['result'], stream, []);
}
