import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import {
  createMessageConnection,
  ErrorCodes,
  ResponseError,
  StreamMessageReader,
  StreamMessageWriter,
  type MessageConnection,
} from 'vscode-jsonrpc/node.js';
import { isObject, type JsonObject } from '../json.ts';

/** What the runtime does with a request: what it returns is the answer, what it throws is a JSON-RPC error. */
export type CopilotRuntimeHandler = (params: JsonObject, runtime: CopilotRuntime) => unknown;

export interface CopilotRuntimeOptions {
  /** Answers `session.create`. Default: the caller's id, else `cloud-1`, `cloud-2` and so on. */
  readonly create?: CopilotRuntimeHandler;
  /** Answers `session.send`. Default: a message id, and then one turn without tools. */
  readonly send?: CopilotRuntimeHandler;
}

/** A Copilot runtime of ours, for what the real one does with a cloud only. */
export interface CopilotRuntime extends AsyncDisposable {
  /** For `RuntimeConnection.forUri`. */
  readonly url: string;
  /** The requests so far, oldest first. */
  readonly requests: readonly { readonly method: string; readonly params: JsonObject }[];
  /** Tells the clients of an event of a session. */
  emit(session: string, type: string, data?: JsonObject, agentId?: string): Promise<void>;
  /** The events of a turn with one answer of the model. */
  play(session: string, turn?: { readonly prompt?: string; readonly message?: string }): Promise<void>;
  /** Asks the client that came last. */
  ask(method: string, params: JsonObject): Promise<unknown>;
  /** Breaks all connections. */
  hangUp(): void;
}

/** An error with a code, as the runtime's answer. */
export function refusal(message: string, code: number = ErrorCodes.InternalError): Error {
  return new ResponseError(code, message);
}

/** Starts a runtime of ours on a free port of 127.0.0.1. It speaks protocol 3 as far as a client's sessions need. */
export async function startCopilotRuntime(options: CopilotRuntimeOptions = {}): Promise<CopilotRuntime> {
  const requests: { readonly method: string; readonly params: JsonObject }[] = [];
  const connections = new Map<Socket, MessageConnection>();
  const counts = new Map<string, number>();
  const next = (prefix: string): string => {
    const count = (counts.get(prefix) ?? 0) + 1;
    counts.set(prefix, count);
    return `${prefix}-${count}`;
  };

  const runtime: Omit<CopilotRuntime, 'url' | typeof Symbol.asyncDispose> = {
    requests,
    async emit(sessionId, type, data = {}, agentId) {
      const about = { id: next('event'), timestamp: new Date().toISOString(), parentId: null };
      const event = { type, data, ...about, ...(agentId !== undefined && { agentId }) };
      await Promise.all(
        [...connections.values()].map((connection) =>
          connection.sendNotification('session.event', { sessionId, event }),
        ),
      );
    },
    async play(session, { prompt = 'hello', message = next('message') } = {}) {
      const interactionId = next('interaction');
      await runtime.emit(session, 'user.message', {
        content: prompt,
        messageId: message,
        interactionId,
        delivery: 'idle',
      });
      await runtime.emit(session, 'assistant.turn_start', { turnId: '0', interactionId });
      await runtime.emit(session, 'model.call_start', { turnId: '0', model: 'cloud-model' });
      await runtime.emit(session, 'assistant.message_start', { messageId: next('answer') });
      const usage = { inputTokens: 100, outputTokens: 20, apiCallId: next('response'), finishReason: 'stop' };
      await runtime.emit(session, 'assistant.usage', { model: 'cloud-model', ...usage });
      await runtime.emit(session, 'model.call_finished', { turnId: '0', outcome: 'success' });
      await runtime.emit(session, 'assistant.message', { content: `echo: ${prompt}` });
      await runtime.emit(session, 'assistant.turn_end', { turnId: '0' });
      await runtime.emit(session, 'session.idle', { mode: 'interactive' });
    },
    ask: (method, params) => {
      const connection = [...connections.values()].at(-1);
      if (!connection) throw new Error('No client is connected.');
      return connection.sendRequest(method, params);
    },
    hangUp() {
      for (const socket of connections.keys()) socket.destroy();
    },
  };

  const server = createServer({ noDelay: true }, (socket) => {
    const connection = createMessageConnection(new StreamMessageReader(socket), new StreamMessageWriter(socket));
    connections.set(socket, connection);
    socket.on('close', () => connections.delete(socket));
    socket.on('error', () => socket.destroy());
    connection.onRequest(async (method: string, params: unknown) => {
      const given = isObject(params) ? params : {};
      requests.push({ method, params: given });
      return await answer(method, given);
    });
    connection.listen();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  const started: CopilotRuntime = {
    ...runtime,
    url: `127.0.0.1:${port}`,
    async [Symbol.asyncDispose]() {
      runtime.hangUp();
      server.close();
      await once(server, 'close');
    },
  };

  const answer = async (method: string, params: JsonObject): Promise<unknown> => {
    const session = typeof params['sessionId'] === 'string' ? params['sessionId'] : undefined;
    switch (method) {
      case 'connect':
        return { ok: true, protocolVersion: 3, version: '0.0.0' };
      case 'session.create':
        return (await options.create?.(params, started)) ?? { sessionId: session ?? next('cloud') };
      case 'session.resume':
        return { sessionId: session };
      case 'session.send': {
        if (options.send) return await options.send(params, started);
        const message = next('message');
        const prompt = typeof params['prompt'] === 'string' ? params['prompt'] : '';
        setImmediate(() => void started.play(session ?? '', { prompt, message }));
        return { messageId: message };
      }
      case 'session.delete':
      case 'session.detach':
        return { success: true };
      default:
        return {};
    }
  };
  return started;
}
