import { wrapMethod, type Around, type Patch, type RunId, type Tap } from '../../adapter.ts';
import { EarlyEvents } from './early-events.ts';
import { readNotification } from './events.ts';
import {
  isRecord,
  readConfig,
  recordIn,
  sessionOf,
  text,
  type CopilotClient,
  type CopilotEvent,
  type CopilotNative,
  type CopilotRequest,
} from './native.ts';
import { nameOf, placeOf, registeredIn, remoteOf } from './reading.ts';

/** A client is met when it first opens a session. */
export const patches: readonly Patch[] = [
  { module: '@github/copilot-sdk', export: 'CopilotClient', methods: ['start', 'createSession', 'resumeSession'] },
];

/** The events that can begin a run which nobody here asked for. */
const BEGINNINGS: ReadonlySet<CopilotEvent['type']> = new Set([
  'prompt',
  'turn_start',
  'model_start',
  'tool_start',
  'agent_start',
  'compaction_start',
]);

const REQUESTS: Readonly<Record<string, CopilotRequest>> = {
  handleUserInputRequest: 'answer',
  handleExitPlanModeRequest: 'plan',
  handleAutoModeSwitchRequest: 'mode',
  handleHooksInvoke: 'hook',
  handleSystemMessageTransform: 'system_message',
};

/**
 * Listens at the seams of one client: the calls that open sessions, each session's `send`, and the one place where all
 * notifications come in. The program's listeners and tools start inside that place, and so in the scope of their call.
 */
export function attach(client: CopilotClient, tap: Tap<CopilotNative>): () => void {
  const undo: ((() => void) | undefined)[] = [];
  const early = new EarlyEvents(client, tap);
  const seen = new WeakSet<object>();
  /** The sessions that are connected, with what takes their hooks away: the others are not kept for that. */
  const watched = new Map<object, ((() => void) | undefined)[]>();
  const watch = (session: object): void => {
    if (seen.has(session)) return;
    seen.add(session);
    watched.set(
      session,
      watchSession(session, client, tap, () => watched.delete(session)),
    );
  };

  for (const [id, session] of registeredIn(client)) {
    watch(session);
    tap.caller(id);
  }
  undo.push(fillTraceContext(client, tap), ...observeOpening(client, tap, early, watch));
  undo.push(...observeNotifications(client, tap, early), ...observeRequests(client, tap, early));
  return () => {
    early.drop();
    for (const step of [...undo.splice(0), ...[...watched.values()].flat()].toReversed()) step?.();
    watched.clear();
  };
}

function observeOpening(
  client: CopilotClient,
  tap: Tap<CopilotNative>,
  early: EarlyEvents,
  watch: (session: object) => void,
): ((() => void) | undefined)[] {
  /** What the runtime answered to the request that is being settled: the SDK keeps none of it but the id. */
  const urls = new Map<string, string>();
  const open = (config: unknown, id: string | undefined, isCloud: boolean, proceed: () => unknown): unknown => {
    const { provider } = readConfig(config);
    const opened = (session: string): void => {
      const remote = remoteOf(client, isCloud, urls.get(session));
      urls.delete(session);
      tap.caller(session);
      tap.deliver({ kind: 'opened', session, provider, remote });
    };
    if (id !== undefined) opened(id);
    const creation = id === undefined && isCloud ? early.expect() : undefined;
    // What follows runs in the caller's context: whoever opens a session is whose conversation it is, until somebody sends.
    return tap.around({ kind: 'place' }, proceed, (session, failure) => {
      const given = sessionOf(session);
      if (!failure && isRecord(session) && given !== undefined) {
        watch(session);
        opened(given);
        creation?.(given);
      } else if (creation) creation();
      else if (id !== undefined) tap.deliver({ kind: 'closed', session: id, why: 'create_failed' });
    });
  };
  return [
    wrapMethod(client, 'createSession', (proceed, args) => {
      const { id, isCloud } = readConfig(args[0]);
      return open(args[0], id, isCloud, () => proceed(...args));
    }),
    wrapMethod(client, 'resumeSession', (proceed, args) => open(args[1], text(args[0]), false, () => proceed(...args))),
    observeAnswers(client, tap, urls),
  ];
}

/** The runtime tells a remote session's page in its answer to `session.create`, which the SDK of today lets fall. */
function observeAnswers(client: CopilotClient, tap: Tap<CopilotNative>, urls: Map<string, string>): () => void {
  /** What takes the hook off the connection: each start makes a new one. */
  let leave: (() => void) | undefined;
  const listen = (): void => {
    leave = wrapMethod(recordIn(client, 'connection'), 'sendRequest', (proceed, args) => {
      const work = (): unknown => proceed(...args);
      if (args[0] !== 'session.create' && args[0] !== 'session.resume') return work();
      // The SDK names a session that its caller does not.
      tap.caller(sessionOf(args[1]) ?? '');
      return tap.around({ kind: 'place' }, work, (answer) => {
        const session = sessionOf(answer);
        const url = isRecord(answer) ? text(answer['remoteUrl']) : undefined;
        if (session !== undefined && url !== undefined) urls.set(session, url);
      });
    });
  };
  listen();
  const unlisten = wrapMethod(client, 'attachConnectionHandlers', (proceed, args) => {
    listen();
    // What the SDK answers by itself comes in the context of whoever started the client, and belongs to its session.
    const undo = wrapMethod(recordIn(client, 'connection'), 'onRequest', (register, given) =>
      register(
        ...given.map((handle) =>
          typeof handle === 'function'
            ? (...asked: unknown[]): unknown =>
                tap.around({ kind: 'place', session: sessionOf(asked[0]) }, () => handle(...asked))
            : handle,
        ),
      ),
    );
    const result = proceed(...args);
    undo?.();
    return result;
  });
  return () => {
    unlisten?.();
    leave?.();
  };
}

function watchSession(
  session: object,
  client: CopilotClient,
  tap: Tap<CopilotNative>,
  forget: () => void,
): ((() => void) | undefined)[] {
  const id = (): string => sessionOf(session) ?? '';
  const send = wrapMethod(session, 'send', (proceed, args) => {
    const run = tap.mint();
    const options = isRecord(args[0]) ? args[0] : { prompt: args[0] };
    const joins = options['mode'] === 'immediate';
    // What nobody asks for belongs to the conversation as it was last.
    tap.caller(id());
    if (joins) tap.caller(run);
    return tap.run(
      run,
      [session],
      () => {
        tap.deliver({ kind: 'sent', run, session: id(), joins, input: options['prompt'] });
        return proceed(...args);
      },
      (message, failure) =>
        tap.deliver({
          kind: 'accepted',
          run,
          session: id(),
          message: text(message),
          failure: failure && nameOf(failure.error),
        }),
    );
  });
  const abort = wrapMethod(session, 'abort', (proceed, args) => {
    tap.deliver({ kind: 'abort', session: id() });
    return proceed(...args);
  });
  const closed = wrapMethod(session, '_runOnDisconnected', (proceed, args) => {
    const successor = registeredIn(client).get(id());
    const result = proceed(...args);
    forget();
    // A resumed session is another object under the same id: the old one's end is not its.
    if ((successor ?? session) === session) {
      tap.deliver({ kind: 'closed', session: id(), why: 'disconnected' });
    }
    return result;
  });
  return [send, abort, closed];
}

/** Notifications and, because they start inside, the program's listeners, permission handlers and tools. */
function observeNotifications(
  client: CopilotClient,
  tap: Tap<CopilotNative>,
  early: EarlyEvents,
): ((() => void) | undefined)[] {
  const listen: Around = (proceed, args) => {
    const notification = readNotification(args[0], () => tap.now());
    if (!notification) return proceed(...args);
    const { session, agent, event } = notification;
    const work = (): unknown => proceed(...args);
    if (!event) return tap.around({ kind: 'place', session, agent }, work);
    const fresh: RunId | undefined = BEGINNINGS.has(event.type) ? tap.mint() : undefined;
    const native = { kind: 'event', session, agent, event, fresh } as const;
    // The SDK knows no such session yet, and drops what it does not know.
    if (early.has(session)) {
      early.hold(session, native);
      return work();
    }
    if (event.type !== 'idle') return tap.around(native, work);
    // What is done when a turn ends is done in it.
    return tap.around({ kind: 'place', session }, work, () => tap.deliver(native));
  };
  const undo = wrapMethod(client, 'handleSessionEventNotification', listen);
  if (!undo) tap.warn('this client has no handleSessionEventNotification: its events are lost');
  // Of a session's life, which the client's own listeners are told.
  return [undo, wrapMethod(client, 'handleSessionLifecycleNotification', listen)];
}

function observeRequests(
  client: CopilotClient,
  tap: Tap<CopilotNative>,
  early: EarlyEvents,
): ((() => void) | undefined)[] {
  return Object.entries(REQUESTS).map(([method, request]) =>
    wrapMethod(client, method, (proceed, args) => {
      const session = sessionOf(args[0]);
      if (session === undefined) return proceed(...args);
      const isEarly = early.has(session);
      const native = { kind: 'request', session, request } as const;
      if (isEarly) early.hold(session, native);
      return tap.around(
        isEarly ? { kind: 'place' } : native,
        () => proceed(...args),
        (_value, failure) => {
          const over = { kind: failure ? 'refused' : 'given', session, request } as const;
          if (!isEarly) return tap.deliver(over);
          early.hold(session, over);
          if (failure) tap.warn(`the SDK refused a request (${request}) before a session was created`);
        },
      );
    }),
  );
}

/** Tells the runtime where its work belongs, unless the program does so itself. */
function fillTraceContext(client: CopilotClient, tap: Tap<CopilotNative>): (() => void) | undefined {
  if (!('onGetTraceContext' in client) || client.onGetTraceContext !== undefined) return undefined;
  const provide = (): Record<string, string> => tap.around({ kind: 'place' }, (carrier) => placeOf(carrier('peer')));
  const replace = (from: unknown, to: unknown): void => {
    const put = (object: object, member: string): void => {
      if (Reflect.get(object, member) === from) Reflect.set(object, member, to);
    };
    put(client, 'onGetTraceContext');
    for (const session of registeredIn(client).values()) put(session, 'traceContextProvider');
  };
  replace(undefined, provide);
  return () => replace(provide, undefined);
}
