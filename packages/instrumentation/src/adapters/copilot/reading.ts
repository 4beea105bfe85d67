import type { Carrier, Remote } from '../../adapter.ts';
import { count, isRecord, readUrl, recordIn, text, type CopilotClient } from './native.ts';

/** The sessions that the client knows by id: what is not in here, the SDK drops. */
export function registeredIn(client: CopilotClient): ReadonlyMap<string, object> {
  const sessions: unknown = Reflect.get(client, 'sessions');
  return isSessions(sessions) ? sessions : new Map();
}

function isSessions(value: unknown): value is ReadonlyMap<string, object> {
  return value instanceof Map;
}

/** Where a session's agent runs, if that is not a runtime of the program's own. */
export function remoteOf(client: CopilotClient, isCloud: boolean, address: string | undefined): Remote | undefined {
  const place = readUrl(address);
  if (isCloud && place) return { address: place.host, url: place.url };
  if (!isServer(client)) return place && { url: place.url };
  return {
    address: text(Reflect.get(client, 'actualHost')),
    port: count(Reflect.get(client, 'runtimePort')),
    url: place?.url,
  };
}

/** Whether the runtime was started with its own telemetry on. What a runtime elsewhere does, nobody tells. */
export function tracesItself(client: CopilotClient): boolean {
  if (recordIn(client, 'options')['telemetry'] !== undefined) return true;
  return !isServer(client) && recordIn(client, 'resolvedEnv')['COPILOT_OTEL_ENABLED'] === 'true';
}

/** Whether the runtime is one elsewhere. */
function isServer(client: CopilotClient): boolean {
  return recordIn(client, 'connectionConfig')['kind'] === 'uri';
}

/** Of all that a propagator writes, what Copilot takes: it knows no baggage. */
export function placeOf(carrier: Carrier): Record<string, string> {
  const { traceparent, tracestate } = carrier;
  return { ...(traceparent !== undefined && { traceparent }), ...(tracestate !== undefined && { tracestate }) };
}

/** A JSON-RPC error's code, else the error's name. */
export function nameOf(error: unknown): string {
  // The codes of the connection's own errors are its own: 1 is closed, 2 is disposed of.
  if (error instanceof Error && error.constructor.name === 'ConnectionError') return 'disconnected';
  const code = isRecord(error) ? error['code'] : undefined;
  if (typeof code === 'number') return String(code);
  return error instanceof Error ? error.name : 'error';
}
