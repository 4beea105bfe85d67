import { inSession } from './active-session.ts';
import { readEnvelope, type EnvelopeFields } from './envelope.ts';
import type { GivenSession } from './session-details.ts';
import { isSessionId } from './session-id.ts';

export interface SessionMiddlewareOptions extends EnvelopeFields {
  /** The header that names the session; `x-session-id` by default, `false` for none. It beats the body. */
  readonly header?: string | false;
  /** Whether to look for the fields of an envelope in a JSON body; true by default. */
  readonly body?: boolean;
}

/** The longest JSON body that is read for its envelope, in bytes. */
const MAX_BODY = 1_048_576;

/**
 * Wraps a handler of Web-standard requests (Hono, Next, Deno, Bun, Workers): it runs in the session that a header or the
 * JSON body names, the body up to 1 MiB. What comes from outside is untrusted: a bad id counts as absent. The handler
 * gets the request as it came, with its body unread.
 */
export function sessionHandler<Rest extends readonly unknown[], T>(
  handler: (request: Request, ...rest: Rest) => T | Promise<T>,
  options: SessionMiddlewareOptions = {},
): (request: Request, ...rest: Rest) => Promise<T> {
  return async (request, ...rest) => {
    const session = sessionIn(options, (name) => request.headers.get(name)) ?? (await readBody(request, options));
    return await inSession(session, () => handler(request, ...rest));
  };
}

/** What is read of a request in the style of Connect. */
export interface ConnectRequest {
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  /** Parsed by a body parser before this middleware. */
  readonly body?: unknown;
}

/**
 * Middleware in the style of Connect (Express, a hook of Fastify's, Polka): what follows runs in the session that a
 * header names, or the parsed body where a body parser came first. A bad id counts as absent. The request stays as it is.
 */
export function sessionMiddleware(
  options: SessionMiddlewareOptions = {},
): (request: ConnectRequest, response: unknown, next: () => void) => void {
  return (request, _response, next) => {
    const session =
      sessionIn(options, (name) => request.headers[name]) ??
      (options.body === false ? {} : envelopeOf(request.body, options));
    inSession(session, () => next());
  };
}

/** The session that the header names. */
function sessionIn(
  { header = 'x-session-id' }: SessionMiddlewareOptions,
  read: (name: string) => unknown,
): GivenSession | undefined {
  const sessionId = header === false ? undefined : read(header.toLowerCase());
  return isSessionId(sessionId) ? { sessionId } : undefined;
}

function envelopeOf(body: unknown, fields: EnvelopeFields): GivenSession {
  const { sessionId, applicationName } = readEnvelope(body, fields);
  return sessionId === undefined ? {} : { sessionId, applicationName };
}

async function readBody(request: Request, options: SessionMiddlewareOptions): Promise<GivenSession> {
  const isJson = /\bjson\b/i.test(request.headers.get('content-type') ?? '');
  const length = Number(request.headers.get('content-length') ?? 0);
  if (options.body === false || !isJson || !request.body || request.bodyUsed || length > MAX_BODY) return {};
  try {
    const copy = request.clone();
    // The requests of some servers (GraphQL Yoga) give themselves: to read one would take the body from the handler.
    const text = copy === request ? undefined : await readText(copy.body);
    return text === undefined ? {} : envelopeOf(JSON.parse(text), options);
  } catch {
    // Not JSON after all: whose request it is, the handler finds out.
    return {};
  }
}

/** The text of a body; undefined where it is too long, whatever its headers say. */
async function readText(body: ReadableStream<Uint8Array> | null): Promise<string | undefined> {
  if (!body) return undefined;
  const reader = body.getReader();
  const decoder = new TextDecoder();
  let text = '';
  let length = 0;
  for (let read = await reader.read(); !read.done; read = await reader.read()) {
    length += read.value.byteLength;
    if (length > MAX_BODY) {
      // Nothing to wait for: a half of a stream is cancelled only when the other one is.
      reader.cancel().catch(() => {});
      return undefined;
    }
    text += decoder.decode(read.value, { stream: true });
  }
  return text + decoder.decode();
}
