import { channel } from 'node:diagnostics_channel';
import { defaultTextMapGetter, propagation, ROOT_CONTEXT, type Context } from '@opentelemetry/api';
import type { Carrier, Destination } from '../adapter.ts';
import { isFunction, isObject } from '../narrow.ts';
import { ATTR_SESSION_ID } from '../record/semconv.ts';
import { activeContext, aroundWhatIsOver, bindSession, frameIn, runInContext } from '../session/active-session.ts';
import { isTracingSuppressed } from '../suppression.ts';
import { extractVouched, toDestination } from './session-propagator.ts';
import { w3c } from './w3c.ts';

/** Where undici, and with it `fetch`, announces each request; its instrumentation listens there. */
const UNDICI_REQUEST = 'undici:request:create';

/**
 * The headers that take this context along, as the configured propagator writes them. A peer also gets the session's
 * id as baggage, be there a propagator that writes any or not; a host gets no baggage but that, and that only by a
 * `SessionPropagator`'s list. Empty for a host where an HTTP instrumentation writes the headers itself: a second
 * `traceparent` would make both invalid.
 */
export function carrierFor(from: Context, to: Destination): Carrier {
  const carrier: Record<string, string> = {};
  const there = toDestination(from, to);
  if (to === 'peer') injectForPeer(there, carrier);
  else if (!channel(UNDICI_REQUEST).hasSubscribers) propagation.inject(propagation.deleteBaggage(there), carrier);
  return carrier;
}

function injectForPeer(from: Context, carrier: Record<string, string>): void {
  const value = frameIn(from)?.session.id;
  if (value === undefined) return propagation.inject(from, carrier);
  const baggage = propagation.getBaggage(from) ?? propagation.createBaggage();
  propagation.inject(propagation.setBaggage(from, baggage.setEntry(ATTR_SESSION_ID, { value })), carrier);
  if (!isTracingSuppressed(from)) carrier['baggage'] ??= `${ATTR_SESSION_ID}=${encodeURIComponent(value)}`;
}

/** What every carrier has in common; ACP and MCP reserve these keys of `_meta` for it. */
const W3C_FIELDS = ['traceparent', 'tracestate', 'baggage'];

/**
 * The carrier in the headers of a request: of `fetch`, or of Node's own server. A gateway may give a request none at
 * all: an empty one.
 */
export function carrierFromHeaders(headers: Headers | Readonly<Record<string, unknown>> | null | undefined): Carrier {
  return isHeaders(headers)
    ? pick((field) => headers.get(field))
    : pick((field) => headers?.[field] ?? headers?.[field.toLowerCase()]);
}

/** By shape: undici, and servers that run everywhere, have a class of their own. */
function isHeaders(value: unknown): value is Pick<Headers, 'get'> {
  return isObject(value) && isFunction(Reflect.get(value, 'get'));
}

/** The carrier in the `_meta` of a message of ACP or MCP. Anything that is none gives an empty one. */
export function carrierFromMeta(meta: unknown): Carrier {
  return typeof meta === 'object' && meta !== null ? pick((field) => Reflect.get(meta, field)) : {};
}

/**
 * The carrier in a process's environment. Right only in a process that serves one conversation: its environment stays
 * as it was when it was started.
 */
export function carrierFromEnvironment(environment: Readonly<Record<string, unknown>> = process.env): Carrier {
  return pick((field) => environment[variableOf(field)]);
}

/**
 * Environment variables that take the active context, and the id of the session in it, into a child process which
 * serves this one conversation. Not for one that several share: they would all get this id. A child that loads
 * `@turnkeeper/instrumentation/register` goes on in this context by itself.
 */
export function environmentCarrier(): Record<string, string> {
  const entries = Object.entries(carrierFor(activeContext(), 'peer')).map(([field, value]) => [
    variableOf(field),
    value,
  ]);
  return entries.length === 0 ? {} : { ...Object.fromEntries(entries), [CONTEXT_VARIABLE]: 'environment' };
}

/** Tells a child that its environment is meant for it: a stray TRACEPARENT is not. */
const CONTEXT_VARIABLE = 'TURNKEEPER_CONTEXT';

/** Whether whoever started this process wants it to go on in the context of its environment. */
export function goesOnFromEnvironment(environment: Readonly<Record<string, unknown>> = process.env): boolean {
  return environment[CONTEXT_VARIABLE] === 'environment';
}

/**
 * Runs `work` where a carrier comes from: its spans are children of the span in the carrier, and in the session whose
 * id came along as baggage, unless a session is bound here already. The caller vouches for whoever sent it.
 */
export function withCarrier<T>(carrier: Carrier, work: () => T): T {
  return runInContext(contextOf(carrier, activeContext()), work);
}

/**
 * The context that a carrier brings, on top of this one. The session's id is read also where the configured propagator
 * reads no baggage, and taken out of what goes on to others.
 */
export function contextOf(carrier: Carrier, base: Context): Context {
  const extracted = extractVouched(base, carrier);
  const read = propagation.getBaggage(extracted);
  // Baggage that was there before is what the program set itself.
  const baggage = read === propagation.getBaggage(base) ? undefined : read;
  const inbound = baggage ?? propagation.getBaggage(w3c.extract(ROOT_CONTEXT, carrier, defaultTextMapGetter));
  const id = inbound?.getEntry(ATTR_SESSION_ID)?.value;
  if (id === undefined) return extracted;
  const rest = baggage?.removeEntry(ATTR_SESSION_ID);
  const isLeft = rest !== undefined && rest.getAllEntries().length > 0;
  const within = isLeft
    ? propagation.setBaggage(extracted, rest)
    : rest
      ? propagation.deleteBaggage(extracted)
      : extracted;
  const isBound = frameIn(aroundWhatIsOver(base)) !== undefined;
  return (isBound ? undefined : bindSession(within, { sessionId: id }, 'baggage')) ?? within;
}

function pick(read: (field: string) => unknown): Carrier {
  const carrier: Record<string, string> = {};
  for (const field of new Set([...W3C_FIELDS, ...propagation.fields()])) {
    const value = read(field);
    if (typeof value === 'string' && value !== '') carrier[field] = value;
  }
  return carrier;
}

/** As the specification for environment variables as carriers has it: upper case, and nothing but letters and digits. */
function variableOf(field: string): string {
  return field.toUpperCase().replaceAll(/[^A-Z0-9]/g, '_');
}
