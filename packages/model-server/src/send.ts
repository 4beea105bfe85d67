import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Failure, Reply } from './answer.ts';
import { untilDelta, type Written } from './events.ts';

/** Sends one JSON object. */
export function sendJson(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}

/** Sends an HTTP error in the shape of OpenAI's. */
export function sendFailure(response: ServerResponse, failure: Failure): void {
  const { status, message, code = null } = failure;
  for (const [name, value] of Object.entries(failure.headers ?? {})) response.setHeader(name, value);
  sendJson(response, status, { error: { message, type: failure.type ?? typeOf(status), param: null, code } });
}

/** How a reply goes out. */
export interface Sending {
  readonly reply: Reply;
  readonly written: Written;
  readonly stream: boolean;
  /** Called just before the last byte of an answer that is complete: what it does is done when the client has the answer. */
  readonly beforeEnd?: () => void;
  /** Ends the waiting: the client went away. */
  readonly signal: AbortSignal;
}

/** Sends a reply at its pace. Resolves to `cut` when the connection is to be broken now; rejects when the signal aborts. */
export async function sendReply(response: ServerResponse, sending: Sending): Promise<'answered' | 'cut'> {
  const { ending = 'complete' } = sending.reply;
  if (sending.stream) await streamEvents(response, sending);
  else if (ending !== 'never') await sendWhole(response, sending);
  if (ending === 'never') await aborted(sending.signal);
  return ending === 'cut' ? 'cut' : 'answered';
}

async function sendWhole(response: ServerResponse, { reply, written, beforeEnd }: Sending): Promise<void> {
  const body = Buffer.from(JSON.stringify(written.whole()));
  response.writeHead(200, { 'content-type': 'application/json', 'content-length': body.length });
  if (reply.ending === 'cut') {
    await write(response, body.subarray(0, Math.ceil(body.length / 2)));
    return;
  }
  beforeEnd?.();
  response.end(body);
}

async function streamEvents(response: ServerResponse, { reply, written, beforeEnd, signal }: Sending): Promise<void> {
  const all = written.events();
  const deltas = all.filter((event) => event.kind === 'delta').length;
  const isWhole = reply.ending !== 'cut' && reply.ending !== 'never';
  const events = isWhole ? all : untilDelta(all, reply.ending === 'cut' ? Math.ceil(deltas / 2) : deltas);
  response.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8', 'cache-control': 'no-cache' });
  let sentDeltas = 0;
  for (const [index, event] of events.entries()) {
    if (event.kind === 'delta') {
      if (sentDeltas > 0 && reply.chunkDelayMs !== undefined) await sleep(reply.chunkDelayMs, undefined, { signal });
      sentDeltas += 1;
    }
    if (isWhole && index === events.length - 1) {
      beforeEnd?.();
      response.end(event.wire);
    } else {
      await write(response, event.wire);
    }
    signal.throwIfAborted();
  }
}

/** Resolves when the bytes are with the operating system, so that breaking the connection afterwards does not lose them. */
function write(response: ServerResponse, bytes: string | Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => {
    response.write(bytes, (error) => (error ? reject(error) : resolve()));
  });
}

async function aborted(signal: AbortSignal): Promise<never> {
  if (!signal.aborted) await once(signal, 'abort');
  throw signal.reason;
}

function typeOf(status: number): string {
  if (status === 429) return 'rate_limit_error';
  return status >= 500 ? 'server_error' : 'invalid_request_error';
}
