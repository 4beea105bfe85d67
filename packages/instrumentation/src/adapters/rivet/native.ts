import { isRecord, text, type Millis, type RunId } from '../../adapter.ts';
import { idOf, readUpdate, recordOf, type AcpAnswer, type AcpUpdate } from '../acp-protocol.ts';

/** What is observed of Rivet: a `SandboxAgent` of `sandbox-agent`, one client of one daemon. By its shape. */
export interface RivetClient {
  rawSendSessionMethod(
    sessionId: string,
    method: string,
    params: Record<string, unknown>,
    options?: unknown,
  ): Promise<unknown>;
}

/** A connection of a client: there is one for each agent, and all sessions with that agent share it. */
export type ConnectionId = number;

/** What Rivet's seams deliver: plain data, as recordings hold it. */
export type RivetNative =
  /** The user's call, before anything is known but the local id. */
  | { readonly kind: 'called'; readonly run: RunId; readonly session: string; readonly input?: unknown }
  /** The session is bound to an agent's, perhaps anew, and the prompt is on its way. */
  | {
      readonly kind: 'bound';
      readonly run: RunId;
      readonly connection: ConnectionId;
      readonly agentSession?: string | undefined;
      readonly agent?: string | undefined;
      readonly server?: RivetServer | undefined;
    }
  /** The same, where its HTTP request is made, and where its response comes in. */
  | { readonly kind: 'posted' | 'responded'; readonly connection: ConnectionId; readonly request: string }
  | ({ readonly connection: ConnectionId; readonly agentSession: string } &
      /** A prompt has an id on the wire; they are sent in the order of their calls. */
      (
        | { readonly kind: 'sent'; readonly request: string }
        | { readonly kind: 'update'; readonly update: AcpUpdate }
        /** The agent asks for a permission; `request` is its id on the wire. */
        | { readonly kind: 'asked'; readonly request: string }
        /** The client hands that question to whoever listens. */
        | { readonly kind: 'asking'; readonly call?: string | undefined }
      ))
  | { readonly kind: 'answered'; readonly connection: ConnectionId; readonly request: string }
  /** The HTTP request of a prompt is over: its response has come, or is on the event stream only. */
  | {
      readonly kind: 'delivered';
      readonly connection: ConnectionId;
      readonly request: string;
      readonly at: Millis;
    }
  /** The response's copy on the event stream: what came before it there is all that the turn has said. */
  | { readonly kind: 'fence'; readonly connection: ConnectionId; readonly request: string }
  | { readonly kind: 'settled'; readonly run: RunId; readonly at: Millis; readonly answer: AcpAnswer }
  /** No fence has come in time. */
  | { readonly kind: 'expired'; readonly run: RunId }
  /** The agent's process, the connection to the daemon, or the client's interest in it is gone. */
  | { readonly kind: 'gone'; readonly connection: ConnectionId; readonly failure: string };

/** Where the daemon listens. */
export interface RivetServer {
  readonly address: string;
  readonly port?: number | undefined;
}

/** One JSON-RPC message, as far as it shows in a trace. */
export type RivetMessage =
  | { readonly kind: 'prompt'; readonly agentSession: string; readonly request: string }
  | { readonly kind: 'update'; readonly agentSession: string; readonly update: AcpUpdate }
  | { readonly kind: 'asked'; readonly agentSession: string; readonly request: string }
  | { readonly kind: 'response'; readonly request: string }
  | { readonly kind: 'exited' };

/** A message on the wire; undefined for those that say nothing about a turn. */
export function readMessage(value: unknown): RivetMessage | undefined {
  if (!isRecord(value)) return undefined;
  const { method, params } = value;
  const request = idOf(value['id']);
  const agentSession = text(recordOf(params)['sessionId']);
  switch (method) {
    case undefined:
      return request === undefined ? undefined : { kind: 'response', request };
    case 'session/prompt':
      return agentSession === undefined || request === undefined
        ? undefined
        : { kind: 'prompt', agentSession, request };
    case 'session/update':
      if (agentSession === undefined) return undefined;
      return { kind: 'update', agentSession, update: readUpdate(recordOf(params)['update']) };
    case 'session/request_permission':
      return agentSession === undefined || request === undefined ? undefined : { kind: 'asked', agentSession, request };
    case '_adapter/agent_exited':
      return { kind: 'exited' };
    default:
      return undefined;
  }
}

/** The session and the tool call that a permission is asked for. */
export function readPermission(value: unknown): {
  readonly agentSession: string | undefined;
  readonly call: string | undefined;
} {
  const { sessionId, toolCall } = recordOf(value);
  return { agentSession: text(sessionId), call: text(recordOf(toolCall)['toolCallId']) };
}

/** Where a client's daemon listens. */
export function readServer(client: object): RivetServer | undefined {
  const url: unknown = Reflect.get(client, 'baseUrl');
  if (typeof url !== 'string' || !URL.canParse(url)) return undefined;
  const { hostname, port, protocol } = new URL(url);
  return { address: hostname, port: port === '' ? (protocol === 'https:' ? 443 : 80) : Number(port) };
}

/** An entry of one of the client's own tables, which are private in TypeScript only. */
export function readEntry(owner: object, table: string, key: unknown): unknown {
  const entries: unknown = Reflect.get(owner, table);
  return entries instanceof Map ? entries.get(key) : undefined;
}

/** The connections that a client has already. */
export function readConnections(client: object): readonly object[] {
  const connections: unknown = Reflect.get(client, 'liveConnections');
  return connections instanceof Map ? [...connections.values()].filter(isRecord) : [];
}
