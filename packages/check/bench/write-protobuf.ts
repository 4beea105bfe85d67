import { closeSync, openSync, writeSync } from 'node:fs';
import { readBytes } from '../src/sources/bytes.ts';
import { splitLines } from '../src/sources/lines.ts';

/** Writes the lines of a file of OTLP's JSON, as the bench makes them, as messages of protobuf behind their lengths. */
export async function writeProtobuf(from: string, to: string): Promise<void> {
  const out = openSync(to, 'w');
  for await (const { text } of splitLines(readBytes(from), from)) {
    const request: { readonly resourceSpans: readonly ResourceSpans[] } = JSON.parse(text);
    const message = join(request.resourceSpans.map((spans) => field(1, resourceSpans(spans))));
    const length = Buffer.alloc(4);
    length.writeUInt32BE(message.length);
    writeSync(out, Buffer.concat([length, message]));
  }
  closeSync(out);
}

type Attributes = readonly {
  readonly key: string;
  readonly value: { readonly stringValue?: string; readonly intValue?: string };
}[];

interface Span {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId: string;
  readonly flags: number;
  readonly name: string;
  readonly kind: number;
  readonly startTimeUnixNano: string;
  readonly endTimeUnixNano: string;
  readonly attributes: Attributes;
  readonly events?: readonly {
    readonly timeUnixNano: string;
    readonly name: string;
    readonly attributes: Attributes;
  }[];
  readonly links?: readonly { readonly traceId: string; readonly spanId: string; readonly attributes: Attributes }[];
}

interface ScopeSpans {
  readonly scope: { readonly name: string };
  readonly spans: readonly Span[];
}

interface ResourceSpans {
  readonly resource: { readonly attributes: Attributes };
  readonly scopeSpans: readonly ScopeSpans[];
}

function resourceSpans({ resource, scopeSpans }: ResourceSpans): Buffer {
  return join([field(1, attributes(1, resource.attributes)), ...scopeSpans.map((scope) => field(2, scopeOf(scope)))]);
}

function scopeOf({ scope, spans }: ScopeSpans): Buffer {
  return join([field(1, field(1, Buffer.from(scope.name))), ...spans.map((span) => field(2, spanOf(span)))]);
}

function spanOf(span: Span): Buffer {
  return join([
    field(1, Buffer.from(span.traceId, 'hex')),
    field(2, Buffer.from(span.spanId, 'hex')),
    field(4, Buffer.from(span.parentSpanId, 'hex')),
    field(5, Buffer.from(span.name)),
    join([varint(6 * 8), varint(span.kind)]),
    fixed64(7, span.startTimeUnixNano),
    fixed64(8, span.endTimeUnixNano),
    attributes(9, span.attributes),
    ...(span.events ?? []).map((event) =>
      field(
        11,
        join([fixed64(1, event.timeUnixNano), field(2, Buffer.from(event.name)), attributes(3, event.attributes)]),
      ),
    ),
    ...(span.links ?? []).map((link) =>
      field(
        13,
        join([
          field(1, Buffer.from(link.traceId, 'hex')),
          field(2, Buffer.from(link.spanId, 'hex')),
          attributes(4, link.attributes),
        ]),
      ),
    ),
    fixed32(16, span.flags),
  ]);
}

function attributes(number: number, list: Attributes): Buffer {
  return join(
    list.map(({ key, value }) => {
      const encoded =
        value.stringValue === undefined
          ? join([varint(3 * 8), varint(Number(value.intValue))])
          : field(1, Buffer.from(value.stringValue));
      return field(number, join([field(1, Buffer.from(key)), field(2, encoded)]));
    }),
  );
}

function field(number: number, bytes: Buffer): Buffer {
  return Buffer.concat([varint(number * 8 + 2), varint(bytes.length), bytes]);
}

function fixed64(number: number, value: string): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt(value));
  return Buffer.concat([varint(number * 8 + 1), bytes]);
}

function fixed32(number: number, value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return Buffer.concat([varint(number * 8 + 5), bytes]);
}

function varint(value: number): Buffer {
  const bytes: number[] = [];
  for (let rest = value; ; rest = Math.floor(rest / 128)) {
    if (rest < 128) return Buffer.from([...bytes, rest]);
    bytes.push((rest % 128) | 0x80);
  }
}

function join(parts: readonly Buffer[]): Buffer {
  return Buffer.concat(parts);
}
