import { afterSettled, isRecord, text, listenToMethod, wrapMethod, type Patch, type Tap } from '../../adapter.ts';
import { nameFailure, readAnswer, recordOf, withMeta } from '../acp-protocol.ts';
import {
  readConnections,
  readEntry,
  readMessage,
  readPermission,
  readServer,
  type ConnectionId,
  type RivetClient,
  type RivetNative,
} from './native.ts';

/** How long a turn whose call is over waits for the end of its updates on the other channel. Milliseconds. */
const GRACE = 1_000;

/** Whatever a client is asked for first, and before it opens a connection. */
export const patches: readonly Patch[] = [
  {
    module: 'sandbox-agent',
    export: 'SandboxAgent',
    methods: [
      'createSession',
      'resumeSession',
      'resumeOrCreateSession',
      'getSession',
      'listSessions',
      'rawSendSessionMethod',
    ],
  },
];

/** Listens at the seams of one client: the calls that prompt, and the connections that it opens. */
export function attach(client: RivetClient, tap: Tap<RivetNative>): () => void {
  const undo: ((() => void) | undefined)[] = [];
  const seen = new WeakSet<object>();
  let connections = 0;

  undo.push(
    // `prompt` and `rawSend` of a session both come through here.
    wrapMethod(client, 'rawSendSessionMethod', (proceed, args) => {
      const [session, method, params, options] = args;
      const isPrompt = method === 'session/prompt' && typeof session === 'string';
      // A notification is never answered: nobody would know when its turn is over.
      if (!isPrompt || recordOf(options)['notification'] === true) return proceed(...args);
      const run = tap.mint();
      const handle = readEntry(client, 'sessionHandles', session);
      return tap.run(
        run,
        isRecord(handle) ? [handle] : [],
        () => {
          tap.deliver({ kind: 'called', run, session, input: recordOf(params)['prompt'] });
          return proceed(...args);
        },
        (value, failure) => {
          const answer = readAnswer(recordOf(value)['response'], failure);
          tap.deliver({ kind: 'settled', run, at: tap.now(), answer });
          tap.later(GRACE, { kind: 'expired', run });
        },
      );
    }),
  );

  const meet = (connection: unknown): void =>
    tap.guard(() => {
      if (!isRecord(connection) || seen.has(connection)) return;
      seen.add(connection);
      connections += 1;
      undo.push(observeConnection({ client, connection, id: connections }, tap));
    });
  readConnections(client).forEach(meet);
  undo.push(wrapMethod(client, 'getLiveConnection', (proceed, args) => afterSettled(proceed(...args), meet)));
  if (undo.at(-1) === undefined) tap.warn('this client opens its connections in a way that is not known');

  return () => {
    for (const step of undo.splice(0).toReversed()) step?.();
  };
}

interface Seen {
  readonly client: RivetClient;
  readonly connection: object;
  readonly id: ConnectionId;
}

function observeConnection({ client, connection, id }: Seen, tap: Tap<RivetNative>): () => void {
  const acp = recordOf(Reflect.get(connection, 'acp'));
  const transport = acp['transport'];
  const gone = (failure: string): void => tap.deliver({ kind: 'gone', connection: id, failure });
  const undo = [
    listenToMethod(connection, 'sendSessionMethod', (args) => {
      const run = tap.here();
      if (args[1] === 'session/prompt' && typeof run === 'string') {
        const agentSession = text(readEntry(connection, 'sessionByLocalId', args[0]));
        const agent = text(Reflect.get(connection, 'agent'));
        tap.deliver({ kind: 'bound', run, connection: id, agentSession, agent, server: readServer(client) });
      }
    }),
    // Called for every message, before it is persisted and before anybody hears of it.
    wrapMethod(connection, 'handleEnvelope', (proceed, args) => {
      const message = readMessage(args[0]);
      if (args[1] === 'outbound') {
        if (message?.kind === 'prompt') {
          tap.deliver({ kind: 'sent', connection: id, agentSession: message.agentSession, request: message.request });
        }
        if (message?.kind === 'response') tap.deliver({ kind: 'answered', connection: id, request: message.request });
        return proceed(...args);
      }
      switch (message?.kind) {
        case 'update':
        case 'asked':
          return tap.around({ connection: id, ...message }, () => proceed(...args));
        case 'response':
          return tap.around({ kind: 'responded', connection: id, request: message.request }, () => proceed(...args));
        case 'exited':
          gone('agent_process_exited');
          return proceed(...args);
        default:
          return proceed(...args);
      }
    }),
    wrapMethod(connection, 'handlePermissionRequest', (proceed, args) => {
      const { agentSession, call } = readPermission(args[0]);
      if (agentSession === undefined) return proceed(...args);
      return tap.around({ kind: 'asking', connection: id, agentSession, call }, () => proceed(...args));
    }),
    listenToMethod(connection, 'close', () => gone('cancelled')),
    isRecord(transport) ? observeTransport(transport, id, tap) : undefined,
  ];
  if (undo.includes(undefined))
    tap.warn('a connection is not as expected: its turns may lack their tools or their end');
  return () => undo.toReversed().forEach((step) => step?.());
}

/** What goes over HTTP: prompts and their responses by POST, everything that the agent says by an event stream. */
function observeTransport(transport: object, connection: ConnectionId, tap: Tap<RivetNative>): () => void {
  let isStream = false;
  const undo = [
    wrapMethod(transport, 'processSseEvent', (proceed, args) => {
      isStream = true;
      try {
        return proceed(...args);
      } finally {
        isStream = false;
      }
    }),
    // A response comes twice: on its POST, and behind all updates of its turn on the stream. Either may be first.
    wrapMethod(transport, 'pushInbound', (proceed, args) => {
      const message = isStream ? readMessage(args[0]) : undefined;
      const result = proceed(...args);
      if (message?.kind === 'response') tap.deliver({ kind: 'fence', connection, request: message.request });
      return result;
    }),
    // Below the place where messages are persisted: nothing of the carrier is replayed to a model.
    wrapMethod(transport, 'postMessage', (proceed, args) => {
      const [url, headers, message, ...rest] = args;
      const read = readMessage(message);
      if (read?.kind === 'response') return tap.outside(() => proceed(...args));
      if (read?.kind !== 'prompt') return proceed(...args);
      const { request } = read;
      return tap.around(
        { kind: 'posted', connection, request },
        (carrier) => {
          const params = withMeta(recordOf(message)['params'], carrier('peer'));
          return proceed(url, headers, { ...recordOf(message), params }, ...rest);
        },
        () => tap.deliver({ kind: 'delivered', connection, request, at: tap.now() }),
      );
    }),
    listenToMethod(transport, 'failReadable', ([failure]) =>
      tap.deliver({ kind: 'gone', connection, failure: nameFailure(failure) }),
    ),
    wrapMethod(transport, 'runSseLoop', (proceed, args) => tap.outside(() => proceed(...args))),
  ];
  if (undo.includes(undefined))
    tap.warn('a connection is not as expected: its turns may lack their tools or their end');
  return () => undo.toReversed().forEach((step) => step?.());
}
