import { channel } from 'node:diagnostics_channel';
import { propagation, type Context } from '@opentelemetry/api';
import type { Carrier, Destination } from '../adapter.ts';
import { ATTR_SESSION_ID } from '../record/semconv.ts';
import { frameIn } from '../session/active-session.ts';
import { toDestination } from './session-propagator.ts';

/** Where undici, and with it `fetch`, announces each request; its instrumentation listens there. */
const UNDICI_REQUEST = 'undici:request:create';

/**
 * The headers that take this context along, as the configured propagator writes them. A peer also gets the session's
 * id as baggage; a host gets no baggage but that, and that only by a `SessionPropagator`'s list. Empty for a host where
 * an HTTP instrumentation writes the headers itself: a second `traceparent` would make both invalid.
 */
export function carrierFor(from: Context, to: Destination): Carrier {
  const carrier: Record<string, string> = {};
  const there = toDestination(from, to);
  if (to === 'peer') propagation.inject(withSessionBaggage(there), carrier);
  else if (!channel(UNDICI_REQUEST).hasSubscribers) propagation.inject(propagation.deleteBaggage(there), carrier);
  return carrier;
}

function withSessionBaggage(from: Context): Context {
  const id = frameIn(from)?.session.id;
  if (id === undefined) return from;
  const baggage = propagation.getBaggage(from) ?? propagation.createBaggage();
  return propagation.setBaggage(from, baggage.setEntry(ATTR_SESSION_ID, { value: id }));
}
