import { isRecord, text, type Millis, type RunId } from '../../adapter.ts';
import { idOf, readUpdate, recordOf, type AcpAnswer, type AcpUpdate } from '../acp-protocol.ts';

/**
 * What is observed of the ACP SDK: a `ClientApp` (1.x and 2.x), with every connection that it opens, or a
 * `ClientSideConnection` (0.16 to 1.9). By their shapes.
 */
export type AcpClient =
  | { onConnect(handler: (connection: unknown) => void): unknown }
  | { prompt(params: unknown): Promise<unknown>; readonly signal?: unknown };

/** A connection of a client: one agent, perhaps with several sessions. */
export type ConnectionId = number;

/** What ACP's seams deliver: plain data, as recordings hold it. */
export type AcpNative =
  /** The agent has said who it is. */
  | { readonly kind: 'agent'; readonly connection: ConnectionId; readonly name: string }
  | {
      readonly kind: 'prompt';
      readonly run: RunId;
      readonly connection: ConnectionId;
      readonly session: string;
      readonly input?: unknown;
    }
  | ({ readonly connection: ConnectionId; readonly session: string } & (
      | { readonly kind: 'update'; readonly update: AcpUpdate }
      /** The agent asks something of the client: a file, a terminal. `wait`: what a person has to give, if anything. */
      | {
          readonly kind: 'request';
          readonly request: string;
          readonly wait?: string | undefined;
          readonly call?: string | undefined;
        }
      /** The client has answered what a person had to give. */
      | { readonly kind: 'given'; readonly request: string }
    ))
  | { readonly kind: 'answered'; readonly run: RunId; readonly at: Millis; readonly answer: AcpAnswer }
  | { readonly kind: 'closed'; readonly connection: ConnectionId };

/** One message from the agent, as far as it shows in a trace. What is said beside the protocol is an update as well. */
export type AcpMessage =
  | { readonly kind: 'update'; readonly session: string; readonly update: AcpUpdate }
  | {
      readonly kind: 'request';
      readonly session: string;
      readonly request: string;
      readonly wait?: string | undefined;
      readonly call?: string | undefined;
    };

/** The requests that a person answers, and what they wait for. */
const WAITS: ReadonlyMap<string, string> = new Map([
  ['session/request_permission', 'permission'],
  ['elicitation/create', 'answer'],
]);

/** Null for what names no session, undefined for an answer, which is its request's. */
export function readMessage(value: unknown): AcpMessage | null | undefined {
  if (!isRecord(value) || typeof value['method'] !== 'string') return undefined;
  const { method, params } = value;
  const { sessionId, update, toolCall, toolCallId } = recordOf(params);
  const session = text(sessionId);
  if (session === undefined) return null;
  const request = idOf(value['id']);
  const isUpdate = method === 'session/update';
  if (isUpdate || request === undefined) {
    return { kind: 'update', session, update: readUpdate(isUpdate ? update : undefined) };
  }
  const call = text(recordOf(toolCall)['toolCallId']) ?? text(toolCallId);
  return { kind: 'request', session, request, wait: WAITS.get(method), call };
}

/** The agent's name in its answer to `initialize`. */
export function readAgent(value: unknown): string | undefined {
  return text(recordOf(recordOf(value)['agentInfo'])['name']);
}

/** The JSON-RPC connection inside what the SDK gives: private in TypeScript only, and in up to 0.19.0 for good. */
export function readConnection(owner: unknown): object | undefined {
  const connection = recordOf(owner)['connection'];
  return isRecord(connection) && typeof connection['sendRequest'] === 'function' ? connection : undefined;
}

/** What tells that a connection is over. */
export function readSignal(owner: object): AbortSignal | undefined {
  const signal: unknown = Reflect.get(owner, 'signal');
  return signal instanceof AbortSignal ? signal : undefined;
}
