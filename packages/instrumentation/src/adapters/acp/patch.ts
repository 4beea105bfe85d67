import { afterSettled, text, wrapMethod, type Patch, type Tap } from '../../adapter.ts';
import { readAnswer, recordOf, withMeta } from '../acp-protocol.ts';
import {
  readAgent,
  readConnection,
  readMessage,
  readSignal,
  type AcpClient,
  type AcpNative,
  type ConnectionId,
} from './native.ts';

const MODULE = '@agentclientprotocol/sdk';

/** Where a client begins: with a connection, or as one. */
export const patches: readonly Patch[] = [
  { module: MODULE, export: 'ClientApp', methods: ['connect', 'connectWith'] },
  { module: MODULE, export: 'ClientSideConnection', methods: ['initialize', 'newSession', 'loadSession', 'prompt'] },
];

/** Listens on the connections of a client, where every message passes, whatever made it. */
export function attach(client: AcpClient, tap: Tap<AcpNative>): () => void {
  /** What takes the hooks away, for each connection that is open. */
  const open = new Set<() => void>();
  let connections = 0;
  let isOver = false;
  const follow = (owner: object, id: ConnectionId, undo: () => void): void => {
    const leave = (): void => {
      undo();
      unlisten();
    };
    const unlisten = onClosed(owner, () => {
      tap.deliver({ kind: 'closed', connection: id });
      // Its hooks stay, and go with it: a prompt that it never answers is a turn as well.
      open.delete(leave);
    });
    open.add(leave);
  };
  const meet = (owner: object): boolean => {
    const connection = readConnection(owner);
    if (connection === undefined) return false;
    connections += 1;
    follow(owner, connections, observeConnection({ client, owner, connection, id: connections }, tap));
    return true;
  };

  if ('onConnect' in client) {
    client.onConnect((connection) => {
      if (isOver) return;
      tap.guard(() => {
        if (!meet(recordOf(connection))) tap.warn('a connection is not as expected: its turns are not traced');
      });
    });
  } else if (!meet(client)) {
    follow(client, 0, observeCalls(client, tap));
  }
  return () => {
    isOver = true;
    for (const leave of open) leave();
  };
}

interface Seen {
  readonly client: AcpClient;
  /** Whose connection it is: what tells that it is closed. */
  readonly owner: object;
  readonly connection: object;
  readonly id: ConnectionId;
}

function observeConnection({ client, owner, connection, id }: Seen, tap: Tap<AcpNative>): () => void {
  const receive = 'receiveMessage' in connection ? 'receiveMessage' : 'processMessage';
  const undo = [
    wrapMethod(connection, 'sendRequest', (proceed, args) => {
      const [method, params, ...rest] = args;
      if (method === 'initialize') {
        return quietly((keep) => afterSettled(keep(proceed(...args)), (answer) => introduce(answer, id, tap)));
      }
      if (method !== 'session/prompt') return proceed(...args);
      return quietly((keep) =>
        prompt({ client, owner, id, params }, tap, (sent) => keep(proceed(method, sent, ...rest))),
      );
    }),
    // What the agent asks and says is handled in its turn, not where the connection was opened.
    wrapMethod(connection, receive, (proceed, args) => {
      const message = readMessage(args[0]);
      if (!message) return message === null ? tap.outside(() => proceed(...args)) : proceed(...args);
      const waits = message.kind === 'request' && message.wait !== undefined;
      return tap.around(
        { connection: id, ...message },
        () => proceed(...args),
        waits ? () => tap.deliver({ ...message, connection: id, kind: 'given' }) : undefined,
      );
    }),
  ];
  if (undo.includes(undefined)) tap.warn('a connection is not as expected: its turns may lack their tools');
  return () => undo.forEach((step) => step?.());
}

/** Where the connection is out of reach, its owner's methods are what there is. */
function observeCalls(client: AcpClient, tap: Tap<AcpNative>): () => void {
  const undo = [
    wrapMethod(client, 'initialize', (proceed, args) =>
      afterSettled(proceed(...args), (answer) => introduce(answer, 0, tap)),
    ),
    wrapMethod(client, 'prompt', (proceed, args) => {
      const [params, ...rest] = args;
      // Inside another engine's run, as Rivet's, it may be that one's turn, with its tools.
      if (tap.here() !== null)
        tap.warn('this version of the SDK hides its connection: turns are traced without their tools');
      return prompt({ client, owner: client, id: 0, params }, tap, (sent) => proceed(sent, ...rest));
    }),
  ];
  return () => undo.forEach((step) => step?.());
}

function introduce(answer: unknown, connection: ConnectionId, tap: Tap<AcpNative>): void {
  const name = readAgent(answer);
  if (name !== undefined) tap.deliver({ kind: 'agent', connection, name });
}

/** A connection that ends answers nothing any more; in the oldest versions, its prompts stay without an answer for good. */
function onClosed(owner: object, closed: () => void): () => void {
  const signal = readSignal(owner);
  signal?.addEventListener('abort', closed, { once: true });
  return () => signal?.removeEventListener('abort', closed);
}

interface Prompt {
  readonly client: AcpClient;
  readonly owner: object;
  readonly id: ConnectionId;
  readonly params: unknown;
}

function prompt({ client, owner, id, params }: Prompt, tap: Tap<AcpNative>, send: Send): unknown {
  const { sessionId, prompt: input } = recordOf(params);
  const session = text(sessionId);
  if (session === undefined) return send(params);
  const run = tap.mint();
  const work = (): unknown =>
    tap.around({ kind: 'prompt', run, connection: id, session, input }, (carrier) => {
      try {
        return send(withMeta(params, carrier('peer')));
      } finally {
        // From 0.19.2 to 0.22 a closed connection throws.
        if (readSignal(owner)?.aborted) tap.deliver({ kind: 'closed', connection: id });
      }
    });
  return tap.run(run, [client], work, (value, failure) =>
    tap.deliver({ kind: 'answered', run, at: tap.now(), answer: readAnswer(value, failure) }),
  );
}

type Send = (params: unknown) => unknown;

/**
 * The SDK takes care that its own promise never becomes an unhandled rejection: the caller gets that very promise, for
 * one derived from it would become one.
 */
function quietly(work: (keep: (response: unknown) => unknown) => unknown): unknown {
  let response: unknown;
  const derived = work((given) => (response = given));
  void Promise.resolve(derived).catch(() => {});
  return response;
}
