import { afterSettled, wrapMethod, type Around, type Failure } from '../../adapter.ts';
import {
  CANCELLED,
  isRecord,
  readAbort,
  readDone,
  readFailure,
  readModel,
  readResponse,
  recordOf,
  text,
  type OpenAIAgentsNative,
  type OpenAIResponse,
  type OpenAITap,
} from './native.ts';
import type { PassingHooks } from './passing-hooks.ts';

/** Follows the calls of models. Retries are calls of their own. */
export interface ObservedModels {
  /** Observes a model that is an object, as agents and runners may have one. */
  look(model: unknown): void;
  /** Observes every model that this provider gives. Runners share providers: each is hooked once. */
  lookInto(provider: unknown): void;
}

export function observeModels(tap: OpenAITap, hooks: PassingHooks): ObservedModels {
  let calls = 0;
  const asked = new WeakMap<object, string>();

  /** Opens the call, unless another one is at work here: a model that decorates another is one call, not two. */
  const open = (model: object, request: unknown): OpenedCall | undefined => {
    const place = tap.place();
    if (!place?.isRecorded || isModelCall(place.call)) return undefined;
    calls += 1;
    return {
      run: place.run,
      call: `${MODEL}${calls}`,
      input: recordOf(request)?.['input'],
      ...readModel(model, asked.get(model)),
    };
  };

  /** Stands around a method, or says why it cannot. */
  const hook = (object: object, name: string, around: Around): (() => void) | undefined => {
    const undo = wrapMethod(object, name, around);
    if (!undo && name in object) tap.warn(FROZEN);
    return undo;
  };

  const look = (model: unknown): void =>
    hooks.once(model, (hooked) => [
      hook(hooked, 'getResponse', (proceed, args) => {
        const opened = open(hooked, args[0]);
        if (!opened) return proceed(...args);
        const { run, call } = opened;
        return tap.around(
          { kind: 'model', ...opened },
          () => proceed(...args),
          (value, failure) =>
            tap.deliver({ kind: 'model-end', run, call, ...endOf(args[0], readResponse(value), failure) }),
        );
      }),
      hook(hooked, 'getStreamedResponse', (proceed, args) => {
        const opened = open(hooked, args[0]);
        if (!opened) return proceed(...args);
        const { run, call } = opened;
        const end = (response: OpenAIResponse | undefined, failure?: Failure): void =>
          tap.deliver({ kind: 'model-end', run, call, ...endOf(args[0], response, failure) });
        const stream = tap.around(
          { kind: 'model', ...opened },
          () => proceed(...args),
          (_value, failure) => failure && end(undefined, failure),
        );
        if (!isAsyncIterable(stream)) return stream;
        let isWaiting = true;
        let isFollowed = false;
        let response: OpenAIResponse | undefined;
        tap.through(
          { run, call },
          stream,
          (failure) => {
            if (isFollowed) end(response, failure);
            else tap.deliver({ kind: 'model-end', run, call, outcome: { kind: 'ok' } });
          },
          (event) => {
            if (isWaiting) tap.deliver({ kind: 'model-output', run, call });
            isWaiting = false;
            response ??= readDone(event);
          },
        );
        isFollowed = true;
        return stream;
      }),
    ]);

  const lookInto = (provider: unknown): void =>
    hooks.once(provider, (hooked) => [
      hook(hooked, 'getModel', (proceed, args) =>
        afterSettled(proceed(...args), (model) =>
          tap.guard(() => {
            const name = text(args[0]);
            if (isRecord(model) && name !== undefined) asked.set(model, name);
            look(model);
          }),
        ),
      ),
    ]);

  return { look, lookInto };
}

type OpenedCall = Omit<Extract<OpenAIAgentsNative, { kind: 'model' }>, 'kind'>;

const MODEL = 'model-';

const FROZEN =
  'a model, or its provider, is frozen: its calls are not traced; pass one that is not, or an object around it that hands calls on';

/** Whether this is a call of a model. */
export function isModelCall(call: string | undefined): boolean {
  return call?.startsWith(MODEL) === true;
}

/**
 * A stream that nobody reads to its end was given up, unless the answer was complete by then. Of one that is cut off,
 * Chat Completions make an answer all the same, without usage.
 */
function endOf(request: unknown, response: OpenAIResponse | undefined, failure: Failure | undefined) {
  const { signal } = recordOf(request) ?? {};
  if (failure) return { outcome: readFailure(failure.error, signal), response };
  const aborted = readAbort(signal);
  const isComplete = response && (response.usage || !aborted);
  return { outcome: isComplete ? ({ kind: 'ok' } as const) : (aborted ?? CANCELLED), response };
}

function isAsyncIterable(value: unknown): value is AsyncIterable<unknown> {
  return isRecord(value) && Symbol.asyncIterator in value;
}
