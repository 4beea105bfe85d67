import {
  afterSettled,
  listenToMethod,
  wrapMethod,
  type Carrier,
  type Destination,
  type Patch,
  type Tap,
} from '../../adapter.ts';
import {
  hostReader,
  isRecord,
  readEvent,
  readMessage,
  readModel,
  text,
  type PiMethod,
  type PiNative,
  type PiPlace,
  type PiSession,
} from './native.ts';

const METHODS: readonly PiMethod[] = ['prompt', 'sendCustomMessage', 'compact', 'navigateTree'];

/** `prompt` and `sendCustomMessage` start turns, the others ask the model for summaries. */
export const patches: readonly Patch[] = [
  { module: '@earendil-works/pi-coding-agent', export: 'AgentSession', methods: METHODS },
];

/**
 * Listens at the seams of one session: the calls that start runs, its events, the model calls of its agent, and the
 * tools, whose work runs inside their spans.
 */
export function attach(session: PiSession, tap: Tap<PiNative>): () => void {
  const undo: ((() => void) | undefined)[] = [];

  for (const via of METHODS) {
    undo.push(
      wrapMethod(session, via, (proceed, args) => {
        const run = tap.mint();
        return tap.run(run, [session, session.agent], () => {
          tap.deliver({ kind: 'called', run, via, ...identityOf(session), input: args[0] });
          return afterSettled(proceed(...args), (_value, failure) =>
            tap.deliver({ kind: 'returned', run, failure: failure && nameOf(failure.error) }),
          );
        });
      }),
    );
  }

  const models = observeModels(session, tap);
  const tools = observeTools(session, tap);
  // A listener that throws fails the user's run.
  const unsubscribe = session.subscribe((value) =>
    tap.guard(() => {
      const type = isRecord(value) ? value['type'] : undefined;
      if (type === 'message_update') return models.output();
      const isBound = type === 'agent_start' || type === 'agent_settled';
      if (!isBound && isUnheard(tap)) return;
      if (type === 'turn_start') return tools.look();
      const event = readEvent(value);
      if (!event) return;
      const place = event.type === 'agent_start' ? placeOf(session, tap) : { run: tap.here() ?? undefined };
      tap.deliver({ kind: 'event', place, event });
    }),
  );
  undo.push(models.undo, tools.undo, unsubscribe);

  undo.push(listenToMethod(session, 'abort', () => tap.deliver({ kind: 'aborted' })));

  // A disposed session tells nobody anything any more.
  undo.push(
    wrapMethod(session, 'dispose', (proceed, args) => {
      const result = proceed(...args);
      tap.deliver({ kind: 'disposed' });
      return result;
    }),
  );

  return () => {
    for (const step of undo.splice(0).toReversed()) step?.();
  };
}

function observeModels(
  session: PiSession,
  tap: Tap<PiNative>,
): { readonly output: () => void; readonly undo: (() => void) | undefined } {
  const hostOf = hostReader();
  let calls = 0;
  /** The call whose first output is still to come. */
  let waiting: string | undefined;
  // `streamFn` up to 0.79.
  const member = 'streamFunction' in session.agent ? 'streamFunction' : 'streamFn';

  const undo = wrapMethod(session.agent, member, (proceed, args) => {
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
    const end = (message: unknown, failure?: { readonly error: unknown }): void =>
      tap.deliver({
        kind: 'model-end',
        call,
        message: failure ? undefined : readMessage(message),
        failure: failure && nameOf(failure.error),
      });
    return tap.around({ kind: 'model', place: placeOf(session, tap), call, model: id, provider, input }, (carrier) =>
      afterSettled(send(carrier), (stream, failure) => {
        if (failure) end(undefined, failure);
        else resultOf(stream).then(end, (error: unknown) => end(undefined, { error }));
      }),
    );
  });

  const output = (): void => {
    if (waiting === undefined) return;
    tap.deliver({ kind: 'model-output', call: waiting });
    waiting = undefined;
  };
  return { output, undo };
}

/** Whether nobody hears of the calls of the run at work here: it is not sampled, and nobody measures. */
function isUnheard(tap: Tap<PiNative>): boolean {
  return tap.place()?.isRecorded === false;
}

/** Pi's streams promise their last message. */
async function resultOf(stream: unknown): Promise<unknown> {
  if (!isRecord(stream) || typeof stream['result'] !== 'function') return undefined;
  return await Reflect.apply(stream['result'], stream, []);
}

/** Tools of a session are its own objects, made anew when it is reloaded: they are looked at in each turn. */
function observeTools(
  session: PiSession,
  tap: Tap<PiNative>,
): { readonly look: () => void; readonly undo: () => void } {
  const seen = new WeakSet<object>();
  const undo: ((() => void) | undefined)[] = [];
  const look = (): void => {
    for (const tool of toolsOf(session.agent)) {
      if (seen.has(tool)) continue;
      seen.add(tool);
      undo.push(
        wrapMethod(tool, 'execute', (proceed, args) => {
          const id = text(args[0]) ?? '';
          return tap.around({ kind: 'tool', run: tap.here() ?? undefined, id }, () => proceed(...args));
        }),
      );
    }
  };
  return { look, undo: () => undo.splice(0).forEach((step) => step?.()) };
}

function toolsOf(agent: object): readonly object[] {
  const state = 'state' in agent ? agent.state : undefined;
  const tools = isRecord(state) ? state['tools'] : undefined;
  return Array.isArray(tools) ? tools.filter(isRecord) : [];
}

function placeOf(session: PiSession, tap: Tap<PiNative>): PiPlace {
  return { run: tap.here() ?? undefined, fresh: tap.mint(), ...identityOf(session) };
}

/** The id is read when a run starts: after a fork, the old session object answers with the new session's id. */
function identityOf(session: PiSession): {
  readonly session: string | undefined;
  readonly provider: string | undefined;
} {
  return { session: text(session.sessionId), provider: readModel(session.model).provider };
}

function nameOf(error: unknown): string {
  return error instanceof Error ? error.name : 'error';
}
