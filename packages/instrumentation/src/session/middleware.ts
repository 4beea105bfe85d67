import { withSession } from './active-session.ts';
import { readEnvelope, type EnvelopeFields } from './envelope.ts';
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
 * JSON body names. What comes from outside is untrusted: a bad id counts as absent. The handler gets the request as it
 * came, with its body unread.
 */
export function sessionHandler<Rest extends readonly unknown[], T>(
  handler: (request: Request, ...rest: Rest) => T | Promise<T>,
  options: SessionMiddlewareOptions = {},
): (request: Request, ...rest: Rest) => Promise<T> {
  return async (request, ...rest) => {
    const named = headerOf(options, (name) => request.headers.get(name));
    const envelope = named === undefined ? await envelopeOf(request, options) : { sessionId: named };
    const { sessionId, applicationName } = { applicationName: undefined, ...envelope };
    if (sessionId === undefined) return await handler(request, ...rest);
    const session = { sessionId, ...(applicationName !== undefined && { applicationName }) };
    return await withSession(session, () => handler(request, ...rest));
  };
}

/** What is read of a request in the style of Connect. */
export interface ConnectRequest {
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  /** Parsed by a body parser before this middleware. */
  readonly body?: unknown;
}

/**
 * Middleware in the style of Connect (Express, Fastify's `use`, Polka): what follows runs in the session that a header
 * names, or the parsed body where a body parser came first. A bad id counts as absent.
 */
export function sessionMiddleware(
  options: SessionMiddlewareOptions = {},
): (request: ConnectRequest, response: unknown, next: (error?: unknown) => void) => void {
  return (request, _response, next) => {
    const named = headerOf(options, (name) => {
      const value = request.headers[name];
      return typeof value === 'string' ? value : undefined;
    });
    if (named !== undefined) {
      withSession(named, () => next());
      return;
    }
    const { sessionId, applicationName } = readEnvelope(options.body === false ? undefined : request.body, options);
    if (sessionId === undefined) next();
    else withSession({ sessionId, ...(applicationName !== undefined && { applicationName }) }, () => next());
  };
}

function headerOf(
  options: SessionMiddlewareOptions,
  read: (name: string) => string | null | undefined,
): string | undefined {
  if (options.header === false) return undefined;
  const value = read((options.header ?? 'x-session-id').toLowerCase());
  return isSessionId(value) ? value : undefined;
}

async function envelopeOf(
  request: Request,
  options: SessionMiddlewareOptions,
): Promise<{ readonly sessionId?: string | undefined; readonly applicationName?: string | undefined }> {
  const isJson = /\bjson\b/i.test(request.headers.get('content-type') ?? '');
  const length = Number(request.headers.get('content-length') ?? 0);
  if (options.body === false || !isJson || !request.body || request.bodyUsed || length > MAX_BODY) return {};
  try {
    return readEnvelope<unknown>(await request.clone().json(), options);
  } catch {
    // Not JSON after all: whose request it is, the handler finds out.
    return {};
  }
}
