import type { Attributes, CapturedSpan, Place, SpanEvent, SpanKind, SpanLink, SpanStatus } from '../span.ts';
import { InputError } from './input-error.ts';
import { deepest, NestingError } from './nesting.ts';
import { ProtobufReader } from './protobuf-reader.ts';

const kinds: readonly SpanKind[] = ['unspecified', 'internal', 'server', 'client', 'producer', 'consumer'];
const statuses: readonly SpanStatus[] = ['unset', 'ok', 'error'];
const hasIsRemote = 0x100;
const isRemote = 0x200;

/**
 * The spans of an `ExportTraceServiceRequest` of OTLP in protobuf. Field numbers are those of trace.proto and
 * common.proto in https://github.com/open-telemetry/opentelemetry-proto.
 *
 * @throws ProtobufError when the bytes are something else, InputError for a span without ids, NestingError for an
 * attribute that goes too deep.
 */
export function decodeTraceRequest(bytes: Buffer, place: Place, order: number): readonly CapturedSpan[] {
  const spans: CapturedSpan[] = [];
  const request = new ProtobufReader(bytes);
  for (let field = request.field(); field !== 0; field = request.field()) {
    if (field === 1) decodeResourceSpans(request.message(), place, order, spans);
    else request.skip();
  }
  return spans;
}

function decodeResourceSpans(message: ProtobufReader, place: Place, order: number, spans: CapturedSpan[]): void {
  let resource: Attributes = {};
  // The resource may stand behind the spans that it belongs to.
  const scopes: ProtobufReader[] = [];
  for (let field = message.field(); field !== 0; field = message.field()) {
    if (field === 1) resource = decodeAttributes(message.message(), 1);
    else if (field === 2) scopes.push(message.message());
    else message.skip();
  }
  for (const scope of scopes) {
    for (let field = scope.field(); field !== 0; field = scope.field()) {
      if (field === 2) spans.push(decodeSpan(scope.message(), resource, place, order + spans.length));
      else scope.skip();
    }
  }
}

function decodeSpan(message: ProtobufReader, resource: Attributes, place: Place, order: number): CapturedSpan {
  let [traceId, spanId, parentSpanId, name] = ['', '', '', ''];
  let [kind, flags, start, end] = [0, 0, 0n, 0n];
  let status: Pick<CapturedSpan, 'status' | 'statusMessage'> = { status: 'unset', statusMessage: undefined };
  const attributes: Record<string, unknown> = Object.create(null);
  const events: SpanEvent[] = [];
  const links: SpanLink[] = [];
  for (let field = message.field(); field !== 0; field = message.field()) {
    if (field === 1) traceId = message.hexadecimal();
    else if (field === 2) spanId = message.hexadecimal();
    else if (field === 4) parentSpanId = message.hexadecimal();
    else if (field === 5) name = message.text();
    else if (field === 6) kind = message.unsigned();
    else if (field === 7) start = message.fixed64();
    else if (field === 8) end = message.fixed64();
    else if (field === 9) decodeAttribute(message.message(), attributes);
    else if (field === 11) events.push(decodeEvent(message.message()));
    else if (field === 13) links.push(...decodeLink(message.message()));
    else if (field === 15) status = decodeStatus(message.message());
    else if (field === 16) flags = message.fixed32();
    else message.skip();
  }
  if (!isId(traceId, 32) || !isId(spanId, 16)) {
    throw new InputError(
      place.file,
      place.line,
      `a span has no valid ${isId(traceId, 32) ? 'spanId' : 'traceId'}, so nothing can be said of its place.`,
    );
  }
  return {
    traceId,
    spanId,
    parentSpanId: isId(parentSpanId, 16) ? parentSpanId : undefined,
    parentIsRemote: (flags & hasIsRemote) === 0 ? undefined : (flags & isRemote) !== 0,
    name,
    kind: kinds[kind] ?? 'unspecified',
    start,
    end,
    ...status,
    attributes,
    events,
    links,
    resource,
    order,
    place,
  };
}

function decodeEvent(message: ProtobufReader): SpanEvent {
  let [name, time] = ['', 0n];
  const attributes: Record<string, unknown> = Object.create(null);
  for (let field = message.field(); field !== 0; field = message.field()) {
    if (field === 1) time = message.fixed64();
    else if (field === 2) name = message.text();
    else if (field === 3) decodeAttribute(message.message(), attributes);
    else message.skip();
  }
  return { name, time, attributes };
}

function decodeLink(message: ProtobufReader): readonly SpanLink[] {
  let [traceId, spanId] = ['', ''];
  const attributes: Record<string, unknown> = Object.create(null);
  for (let field = message.field(); field !== 0; field = message.field()) {
    if (field === 1) traceId = message.hexadecimal();
    else if (field === 2) spanId = message.hexadecimal();
    else if (field === 4) decodeAttribute(message.message(), attributes);
    else message.skip();
  }
  return isId(traceId, 32) && isId(spanId, 16) ? [{ traceId, spanId, attributes }] : [];
}

function decodeStatus(message: ProtobufReader): Pick<CapturedSpan, 'status' | 'statusMessage'> {
  let statusMessage: string | undefined;
  let code = 0;
  for (let field = message.field(); field !== 0; field = message.field()) {
    if (field === 2) statusMessage = message.text();
    else if (field === 3) code = message.unsigned();
    else message.skip();
  }
  return { status: statuses[code] ?? 'unset', statusMessage };
}

/** Whether the digits of an id are as many as they must be, and not all zero: that is how OTLP writes that there is none. */
function isId(hexadecimal: string, digits: 16 | 32): boolean {
  return hexadecimal.length === digits && !/^0+$/u.test(hexadecimal);
}

/** A message that lists attributes in one of its fields: a resource, a list of keys and values. */
function decodeAttributes(message: ProtobufReader, listed: number, depth = 0): Attributes {
  const attributes: Record<string, unknown> = Object.create(null);
  for (let field = message.field(); field !== 0; field = message.field()) {
    if (field === listed) decodeAttribute(message.message(), attributes, depth);
    else message.skip();
  }
  return attributes;
}

function decodeAttribute(message: ProtobufReader, attributes: Record<string, unknown>, depth = 0): void {
  let key = '';
  let value: unknown;
  for (let field = message.field(); field !== 0; field = message.field()) {
    if (field === 1) key = message.text();
    else if (field === 2) value = decodeValue(message.message(), depth);
    else message.skip();
  }
  attributes[key] = value;
}

function decodeValue(message: ProtobufReader, depth: number): unknown {
  if (depth > deepest) throw new NestingError();
  let value: unknown;
  for (let field = message.field(); field !== 0; field = message.field()) {
    if (field === 1) value = message.text();
    else if (field === 2) value = message.unsigned() !== 0;
    else if (field === 3) value = message.integer();
    else if (field === 4) value = message.double();
    else if (field === 5) value = decodeList(message.message(), depth + 1);
    else if (field === 6) value = { ...decodeAttributes(message.message(), 1, depth + 1) };
    else if (field === 7) value = message.base64();
    else message.skip();
  }
  return value;
}

function decodeList(message: ProtobufReader, depth: number): readonly unknown[] {
  const values: unknown[] = [];
  for (let field = message.field(); field !== 0; field = message.field()) {
    if (field === 1) values.push(decodeValue(message.message(), depth));
    else message.skip();
  }
  return values;
}
