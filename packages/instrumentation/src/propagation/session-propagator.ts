import {
  createContextKey,
  diag,
  propagation,
  trace,
  type Attributes,
  type Context,
  type TextMapGetter,
  type TextMapPropagator,
  type TextMapSetter,
} from '@opentelemetry/api';
import { ATTR_SERVER_ADDRESS, ATTR_SESSION_ID } from '../record/semconv.ts';
import { bindSession, frameIn } from '../session/active-session.ts';
import {
  BAGGAGE,
  extractBaggage,
  extractTraceContext,
  injectBaggage,
  injectTraceContext,
  TRACE_PARENT,
  TRACE_STATE,
} from './w3c.ts';

export interface SessionPropagatorOptions {
  /** The hosts that get the session's id: names, or `*.` and a domain for everything below it. None by default. */
  readonly send?: readonly string[];
  /**
   * Whether an inbound session id is believed: `never` (default), `always`, or a function that looks at the carrier
   * (the headers of a request).
   */
  readonly accept?: 'never' | 'always' | ((carrier: unknown) => boolean);
  /** What else goes out and comes in, in place of W3C Trace Context and Baggage. It must not write `session.id`. */
  readonly next?: TextMapPropagator;
}

/** The other end serves this one conversation: it may know the session whatever its host is called. */
const PEER = createContextKey('turnkeeper.peer');

/** Attributes in which HTTP instrumentations say which host a client span goes to. */
const HOST_ATTRIBUTES = [ATTR_SERVER_ADDRESS, 'net.peer.name', 'http.host', 'peer.service'];

/** A context whose carrier goes to a process that serves this conversation only. */
export function forPeer(from: Context): Context {
  return from.setValue(PEER, true);
}

/**
 * Takes the session across processes, as `session.id` in W3C baggage: out only to hosts on a list, in only where that
 * is configured. It also does what the SDK's default propagator does (Trace Context and Baggage), and leaves baggage of
 * others as it is.
 *
 * The host is that of the client span it is asked to inject for. A span without one, or a host that is not on the list,
 * gets no session id.
 */
export class SessionPropagator implements TextMapPropagator {
  readonly #isAllowed: (host: string) => boolean;
  readonly #accept: NonNullable<SessionPropagatorOptions['accept']>;
  readonly #next: TextMapPropagator | undefined;

  constructor(options: SessionPropagatorOptions = {}) {
    this.#isAllowed = hostMatcher(options.send ?? []);
    this.#accept = options.accept ?? 'never';
    this.#next = options.next;
  }

  inject(from: Context, carrier: unknown, setter: TextMapSetter): void {
    const outbound = this.#outbound(from);
    if (this.#next) {
      this.#next.inject(outbound, carrier, setter);
      return;
    }
    injectTraceContext(outbound, carrier, setter);
    const baggage = propagation.getBaggage(outbound);
    if (baggage) injectBaggage(baggage, carrier, setter);
  }

  extract(into: Context, carrier: unknown, getter: TextMapGetter): Context {
    const extracted = this.#next ? this.#next.extract(into, carrier, getter) : extractW3c(into, carrier, getter);
    const sessionId = propagation.getBaggage(extracted)?.getEntry(ATTR_SESSION_ID)?.value;
    if (sessionId === undefined || !this.#isTrusted(carrier)) return extracted;
    return bindSession(extracted, { sessionId }, 'baggage') ?? extracted;
  }

  fields(): string[] {
    return this.#next?.fields() ?? [TRACE_PARENT, TRACE_STATE, BAGGAGE];
  }

  /** Our id is in the baggage exactly where it may go. An entry of the same name that is not ours stays as it is. */
  #outbound(from: Context): Context {
    const id = frameIn(from)?.session.id;
    if (id === undefined) return from;
    const baggage = propagation.getBaggage(from);
    if (from.getValue(PEER) === true || this.#isAllowed(hostOf(from))) {
      const entry = { value: id };
      return propagation.setBaggage(from, (baggage ?? propagation.createBaggage()).setEntry(ATTR_SESSION_ID, entry));
    }
    if (baggage?.getEntry(ATTR_SESSION_ID)?.value !== id) return from;
    return propagation.setBaggage(from, baggage.removeEntry(ATTR_SESSION_ID));
  }

  #isTrusted(carrier: unknown): boolean {
    if (typeof this.#accept !== 'function') return this.#accept === 'always';
    try {
      return this.#accept(carrier);
    } catch (error) {
      diag.error('turnkeeper: the propagator’s accept function threw: the session id is not believed', error);
      return false;
    }
  }
}

function extractW3c(into: Context, carrier: unknown, getter: TextMapGetter): Context {
  const within = extractTraceContext(into, carrier, getter);
  const baggage = extractBaggage(carrier, getter);
  return baggage ? propagation.setBaggage(within, baggage) : within;
}

/** The host that the span in this context calls; empty where it does not say. */
function hostOf(from: Context): string {
  const span: object | undefined = trace.getSpan(from);
  const attributes: unknown = span && 'attributes' in span ? span.attributes : undefined;
  if (!isAttributes(attributes)) return '';
  for (const name of HOST_ATTRIBUTES) {
    const host = attributes[name];
    if (typeof host === 'string' && host !== '') return host.replace(/:\d+$/, '');
  }
  return hostOfUrl(attributes['url.full'] ?? attributes['http.url']);
}

function hostOfUrl(url: unknown): string {
  return typeof url === 'string' && URL.canParse(url) ? new URL(url).hostname : '';
}

function hostMatcher(patterns: readonly string[]): (host: string) => boolean {
  const exact = new Set(
    patterns.filter((pattern) => !pattern.startsWith('*.')).map((pattern) => pattern.toLowerCase()),
  );
  const domains = patterns
    .filter((pattern) => pattern.startsWith('*.'))
    .map((pattern) => pattern.slice(1).toLowerCase());
  return (given) => {
    const host = given.toLowerCase();
    return (
      host !== '' && (exact.has(host) || domains.some((domain) => host.endsWith(domain) && host.length > domain.length))
    );
  };
}

function isAttributes(value: unknown): value is Attributes {
  return typeof value === 'object' && value !== null;
}
