/** One server-sent event. `delta` carries content, `open` comes before it and `close` after it, item by item. */
export interface StreamEvent {
  readonly kind: 'open' | 'delta' | 'close';
  /** The event as it goes over the wire, with the blank line at its end. */
  readonly wire: string;
}

/** An answer in the words of one API: as one JSON object, and as the events of a stream. */
export interface Written {
  readonly whole: () => object;
  readonly events: () => readonly StreamEvent[];
}

/** An event of Chat Completions: data alone. */
export function dataEvent(kind: StreamEvent['kind'], data: object | '[DONE]'): StreamEvent {
  return { kind, wire: `data: ${data === '[DONE]' ? data : JSON.stringify(data)}\n\n` };
}

/** An event of Responses: its type as the event's name as well. */
export function typedEvent(kind: StreamEvent['kind'], data: { readonly type: string }): StreamEvent {
  return { kind, wire: `event: ${data.type}\ndata: ${JSON.stringify(data)}\n\n` };
}

/** The events up to and with the given number of deltas: what is left of a stream that does not end. */
export function untilDelta(events: readonly StreamEvent[], deltas: number): readonly StreamEvent[] {
  let left = deltas;
  const end = events.findIndex((event) => {
    if (event.kind === 'open') return false;
    if (left === 0) return true;
    if (event.kind === 'delta') left -= 1;
    return false;
  });
  return end === -1 ? events : events.slice(0, end);
}
