import type { CapturedSpan } from '../span.ts';

const kinds = ['unspecified', 'internal', 'server', 'client', 'producer', 'consumer'];
const statuses = ['unset', 'ok', 'error'];

/** Spans as the collector writes them to a file: one line per span. */
export function toOtlpLines(spans: readonly CapturedSpan[]): string {
  return spans.map((span) => `${JSON.stringify(toOtlpRequest(span))}\n`).join('');
}

/** A span as an export request of OTLP. */
export function toOtlpRequest(span: CapturedSpan): object {
  const { traceId, spanId, parentSpanId, name } = span;
  const own = {
    traceId,
    spanId,
    parentSpanId,
    flags: span.parentIsRemote === undefined ? 1 : span.parentIsRemote ? 0x301 : 0x101,
    name,
    kind: kinds.indexOf(span.kind),
    startTimeUnixNano: String(span.start),
    endTimeUnixNano: String(span.end),
    attributes: toList(span.attributes),
    events: span.events.map((event) => ({
      name: event.name,
      timeUnixNano: String(event.time),
      attributes: toList(event.attributes),
    })),
    links: span.links.map((link) => ({ ...link, attributes: toList(link.attributes) })),
    status: { code: statuses.indexOf(span.status) },
  };
  return { resourceSpans: [{ resource: { attributes: toList(span.resource) }, scopeSpans: [{ spans: [own] }] }] };
}

function toList(attributes: Readonly<Record<string, unknown>>): readonly object[] {
  return Object.entries(attributes).map(([key, value]) => ({
    key,
    value: typeof value === 'number' ? { intValue: String(value) } : { stringValue: String(value) },
  }));
}
