import {
  createContextKey,
  propagation,
  SpanKind,
  trace,
  type Context,
  type TextMapGetter,
  type TextMapPropagator,
  type TextMapSetter,
} from '@opentelemetry/api';
import type { Carrier, Destination } from '../adapter.ts';
import { ATTR_SERVER_ADDRESS, ATTR_SESSION_ID } from '../record/semconv.ts';
import { ask, say } from '../say.ts';
import { bindSession, frameIn } from '../session/active-session.ts';
import { isObject } from '../narrow.ts';
import { w3c } from './w3c.ts';

export interface SessionPropagatorOptions {
  /**
   * The hosts that get the session's id: names, or `*.` and a domain for everything below it. None by default. A port
   * makes no difference: the id goes to all of a host's.
   */
  readonly send?: readonly string[];
  /**
   * Whether an inbound session id is believed: `never` (default), `always`, or a function that looks at the carrier
   * (the headers of a request).
   */
  readonly accept?: 'never' | 'always' | ((carrier: unknown) => boolean);
  /** What else goes out and comes in, in place of W3C Trace Context and Baggage. It must not write `session.id`. */
  readonly next?: TextMapPropagator;
}

/** Where a carrier goes, where somebody knows it better than the span at work. */
const DESTINATION = createContextKey('turnkeeper.destination');

/** Where the program itself vouches for whoever sent the carrier, and reads the session's id in it. */
const VOUCHED = createContextKey('turnkeeper.vouched');

/** Attributes in which HTTP instrumentations say which host a client span goes to. */
const HOST_ATTRIBUTES = [ATTR_SERVER_ADDRESS, 'net.peer.name', 'url.full', 'http.url', 'http.host'];

/** A context whose carrier goes there. */
export function toDestination(from: Context, to: Destination): Context {
  return from.setValue(DESTINATION, to);
}

/** What the configured propagator reads in a carrier; the session's id stays in the baggage, believed or not. */
export function extractVouched(into: Context, carrier: Carrier): Context {
  const vouched = into.setValue(VOUCHED, true);
  const extracted = propagation.extract(vouched, carrier);
  return extracted === vouched ? into : extracted.deleteValue(VOUCHED);
}

/**
 * Takes the session across processes, as `session.id` in W3C baggage: out only to hosts on a list, in only where that
 * is configured; an id that is not believed goes no further. It also does what the SDK's default propagator does (Trace
 * Context and Baggage), and leaves other baggage as it is.
 *
 * The host is that of the client span it is asked to inject for. A span without one, or a host that is not on the list,
 * gets no session id.
 */
export class SessionPropagator implements TextMapPropagator {
  readonly #send: readonly string[];
  readonly #accept: NonNullable<SessionPropagatorOptions['accept']>;
  readonly #next: TextMapPropagator;

  constructor(options?: SessionPropagatorOptions) {
    const { send = [], accept = 'never', next = w3c } = options ?? {};
    this.#send = [send].flat().map(hostOf);
    this.#accept = accept;
    this.#next = next;
    // A program without types may say anything.
    if (accept !== 'never' && accept !== 'always' && typeof accept !== 'function') {
      say('warn', `accept: ${String(accept)} is none of never, always and a function: nothing is believed`);
    }
    const wrong = this.#send.filter((host) => !/^(\*\.)?[^*]+$/.test(host));
    if (wrong.length > 0)
      say('warn', `send: ${wrong.join(', ')} is neither a host nor *. and a domain, and matches none`);
  }

  inject(from: Context, carrier: unknown, setter: TextMapSetter): void {
    this.#next.inject(this.#outbound(from), carrier, setter);
  }

  extract(into: Context, carrier: unknown, getter: TextMapGetter): Context {
    const extracted = this.#next.extract(into, carrier, getter);
    const baggage = propagation.getBaggage(extracted);
    const sessionId = baggage?.getEntry(ATTR_SESSION_ID)?.value;
    // Baggage that was there before is what the program set itself.
    const isInbound = baggage !== propagation.getBaggage(into) && into.getValue(VOUCHED) === undefined;
    if (!baggage || sessionId === undefined || !isInbound) return extracted;
    // Believed, it is ours and goes on to the hosts of our list only; else it goes on to nobody.
    const rest = propagation.setBaggage(extracted, baggage.removeEntry(ATTR_SESSION_ID));
    return (this.#isTrusted(carrier) && bindSession(rest, { sessionId }, 'baggage')) || rest;
  }

  fields(): string[] {
    return this.#next.fields();
  }

  /** Our id is in the baggage exactly where it may go. An entry that the program set itself stays as it is. */
  #outbound(from: Context): Context {
    const value = frameIn(from)?.session.id;
    if (value === undefined) return from;
    const baggage = propagation.getBaggage(from) ?? propagation.createBaggage();
    if (this.#isAllowed(from)) return propagation.setBaggage(from, baggage.setEntry(ATTR_SESSION_ID, { value }));
    if (baggage.getEntry(ATTR_SESSION_ID)?.value !== value) return from;
    return propagation.setBaggage(from, baggage.removeEntry(ATTR_SESSION_ID));
  }

  #isAllowed(from: Context): boolean {
    const to = from.getValue(DESTINATION);
    // It serves this one conversation: it may know the session, whatever its host is called.
    if (to === 'peer') return true;
    const host = hostOf(isObject(to) ? Reflect.get(to, 'host') : hostIn(from));
    return host !== '' && this.#send.some((one) => (one.startsWith('*.') ? host.endsWith(one.slice(1)) : host === one));
  }

  #isTrusted(carrier: unknown): boolean {
    const accept = this.#accept;
    if (typeof accept !== 'function') return accept === 'always';
    return ask('the propagator’s accept function', () => accept(carrier)) === true;
  }
}

/** What the client span in this context calls. A server's span names a host as well: its own. */
function hostIn(from: Context): unknown {
  const span = trace.getSpan(from);
  const kind: unknown = span && Reflect.get(span, 'kind');
  const attributes: unknown = span && Reflect.get(span, 'attributes');
  if (!isObject(attributes) || (kind !== SpanKind.CLIENT && kind !== SpanKind.PRODUCER)) return undefined;
  return HOST_ATTRIBUTES.map((name): unknown => Reflect.get(attributes, name)).find(Boolean);
}

/**
 * The bare name in a URL, a host with a port, or a host; an IPv6 address without its brackets, a name without the root's
 * dot.
 */
function hostOf(given: unknown): string {
  if (typeof given !== 'string') return '';
  const host = URL.canParse(given) && given.includes('//') ? new URL(given).host : given;
  const name = host.replace(/^\[(.*)\](?::\d+)?$|^([^:]*):\d+$/, '$1$2');
  const bare = name.replace(/\.$/, '').toLowerCase();
  // Clients call a name in other letters by its ASCII form.
  const url = `http://${bare}`;
  return /[^!-~]/.test(bare) && URL.canParse(url) ? new URL(url).hostname : bare;
}
