import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { ROOT_CONTEXT, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import { JsonTraceSerializer, ProtobufTraceSerializer } from '@opentelemetry/otlp-transformer';
import { BasicTracerProvider, InMemorySpanExporter, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-base';
import { describe, expect, it } from 'vitest';
import { captureFrom } from '../capture.ts';
import type { CapturedSpan } from '../span.ts';
import { collect, failureOf } from '../testing/collect.ts';
import { temporaryFolder } from '../testing/folder.ts';
import { captureFiles } from './capture-files.ts';
import { isJsonLines, readTraces } from './read-traces.ts';

const directory = temporaryFolder();
let files = 0;

function write(content: string | Uint8Array): string {
  const file = join(directory, `traces-${(files += 1)}`);
  writeFileSync(file, content);
  return file;
}

const exporter = new InMemorySpanExporter();
const tracer = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] }).getTracer('test');
const remote = { traceId: 'a'.repeat(32), spanId: 'b'.repeat(16), traceFlags: 1, isRemote: true };
const root = tracer.startSpan('invoke_agent pi', {}, trace.setSpanContext(ROOT_CONTEXT, remote));
root.setAttributes({ 'session.id': 'conv-42', tokens: 12, negative: -3, ratio: 0.25, flag: true, list: ['a', 'b'] });
root.addEvent('run.start', { 'session.id': 'conv-42' });
root.addLink({
  context: { ...remote, spanId: 'c'.repeat(16) },
  attributes: { 'turnkeeper.link.kind': 'previous_turn' },
});
const child = tracer.startSpan('chat é\u2028', { kind: SpanKind.CLIENT }, trace.setSpan(ROOT_CONTEXT, root));
child.setStatus({ code: SpanStatusCode.ERROR, message: 'too slow' });
child.end();
root.end();

const finished = exporter.getFinishedSpans();
const json = Buffer.from(JsonTraceSerializer.serializeRequest(finished)!).toString();
const protobuf = Buffer.from(ProtobufTraceSerializer.serializeRequest(finished)!);
const document = JSON.stringify(JSON.parse(json), undefined, 2);

/** Behind its length, as the collector's file exporter writes a message. */
function delimited(message: Uint8Array): Buffer {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(message.length);
  return Buffer.concat([length, message]);
}

/** A field of a protobuf message that is a message, or text, itself. */
function field(number: number, content: Uint8Array): Buffer {
  const length: number[] = [];
  for (let left = content.length; length.length === 0 || left > 0; left = Math.floor(left / 128)) {
    length.push((left % 128) + (left >= 128 ? 128 : 0));
  }
  return Buffer.concat([Buffer.from([number * 8 + 2, ...length]), content]);
}

/** A request of one span with an attribute of so many lists, or maps, inside of one another: each way to write it. */
function nested(levels: number, kind: 'lists' | 'maps'): readonly (readonly [string, string | Buffer])[] {
  let [value, any, plain] = ['{"stringValue":"a"}', field(1, Buffer.from('a')), '"a"'];
  for (let level = 0; level < levels; level += 1) {
    if (kind === 'lists') {
      value = `{"arrayValue":{"values":[${value}]}}`;
      any = field(5, field(1, any));
      plain = `[${plain}]`;
    } else {
      value = `{"kvlistValue":{"values":[{"key":"k","value":${value}}]}}`;
      any = field(6, field(1, Buffer.concat([field(1, Buffer.from('k')), field(2, any)])));
      plain = `{"k":${plain}}`;
    }
  }
  const [traceId, spanId] = ['a'.repeat(32), 'b'.repeat(16)];
  const ids = `"traceId":"${traceId}","spanId":"${spanId}"`;
  const attribute = Buffer.concat([field(1, Buffer.from('deep')), field(2, any)]);
  const span = [field(1, Buffer.from(traceId, 'hex')), field(2, Buffer.from(spanId, 'hex')), field(9, attribute)];
  const own = `{${ids},"attributes":[{"key":"deep","value":${value}}]}`;
  return [
    ['JSON', `{"resourceSpans":[{"scopeSpans":[{"spans":[${own}]}]}]}`],
    ['protobuf', field(1, field(2, field(2, Buffer.concat(span))))],
    ['Copilot', `{"type":"span",${ids},"attributes":{"deep":${plain}}}`],
  ];
}

/** What must be the same whichever way a span came. */
function comparable(spans: readonly CapturedSpan[]): readonly object[] {
  const sorted = spans.toSorted((left, right) => (left.spanId < right.spanId ? -1 : 1));
  return sorted.map(({ place: _place, order: _order, attributes, events, links, resource, ...rest }) => ({
    ...rest,
    attributes: { ...attributes },
    events: events.map((event) => ({ ...event, attributes: { ...event.attributes } })),
    links: links.map((link) => ({ ...link, attributes: { ...link.attributes } })),
    resource: { ...resource },
  }));
}

const expected = comparable(captureFrom(exporter).spans);
describe('readTraces', () => {
  it.each([
    ['JSON lines', json],
    ['a JSON document over many lines', document],
    ['a list of requests', `[${json}]`],
    ['a document that begins with white space', `\n\t ${document}\n\n`],
    ['a document with a break behind its first name', json.replace(':', ':\n')],
    ['a document with a break before a comma', `[{}\n,${json}]`],
    ['a protobuf request body', protobuf],
    ["the collector's length-delimited protobuf", delimited(protobuf)],
    ["the collector's zstd-compressed protobuf", delimited(zstdCompressSync(protobuf))],
    ["the collector's zstd-compressed JSON", delimited(zstdCompressSync(json))],
    ['JSON lines in gzip', gzipSync(json)],
    ['JSON lines in zstd', zstdCompressSync(json)],
    ['protobuf in zstd', zstdCompressSync(protobuf)],
    ['protobuf in gzip', gzipSync(protobuf)],
    ['gzip files one after another', Buffer.concat([gzipSync('\n'), gzipSync(json)])],
  ])('reads %s to the same spans that the SDK holds in memory', async (_, content) => {
    const { spans } = await captureFiles([write(content)]);
    expect(comparable(spans)).toEqual(expected);
  });

  it('knows lines from a document by the whole of the first line, however long it is', async () => {
    const long = (bytes: number, rest: string): string =>
      `${'{"resourceSpans":[],"x":"'.padEnd(bytes - 1, 'x')}"${rest}`;
    for (const [isLines, content] of [
      [true, `${long((1 << 16) - 1, ',"y":1}')}\n${json}`],
      [true, `\n${long(100_000, '}')}\n${json}`],
      [true, `${long(100_000, ',"y":"[{')}\n${json}`],
      [false, `[${long(100_000, '}')},\n${json}]`],
      [false, `${long(100_000, '')}\n}`],
      [false, document],
    ] as const) {
      expect(await isJsonLines(write(content))).toBe(isLines);
    }
    const { spans } = await captureFiles([write(`[${long(100_000, '}')},\n${json}]`)]);
    expect(comparable(spans)).toEqual(expected);
  });

  it('reads several bodies and several messages in one file', async () => {
    const bodies = await collect(readTraces([write(Buffer.concat([protobuf, protobuf]))]));
    expect(bodies.map(({ spans }) => spans.length)).toEqual([2, 2]);
    const messages = await collect(readTraces([write(Buffer.concat([delimited(protobuf), delimited(protobuf)]))]));
    expect(messages.flatMap(({ spans }) => spans.map(({ order }) => order))).toEqual([0, 1, 2, 3]);
    const packed = delimited(zstdCompressSync(json));
    const lines = await collect(readTraces([write(Buffer.concat([packed, packed]))]));
    expect(lines.map(({ spans }) => spans[0]?.place?.line)).toEqual([1, 2]);
  });

  it('reads messages that are larger than a piece of the file', async () => {
    const many = Buffer.concat(Array.from({ length: 9_000 }, () => protobuf));
    const batches = await collect(readTraces([write(delimited(many))]));
    expect(batches[0]?.spans).toHaveLength(18_000);
  });

  it('says of metrics in protobuf that they stand in its way', async () => {
    const sum = field(
      1,
      field(2, field(2, Buffer.concat([field(1, Buffer.from('m')), field(7, field(1, Buffer.alloc(0)))]))),
    );
    const file = write(Buffer.concat([delimited(protobuf), delimited(sum)]));
    expect(await failureOf(readTraces([file]))).toContain('in protobuf, without metrics and logs');
  });

  it('names the file and, for lines, the line', async () => {
    const [lines, body] = [write(`\n${json}`), write(protobuf)];
    const batches = await collect(readTraces([lines, body]));
    expect(batches.map(({ spans }) => spans[0]?.place)).toEqual([{ file: lines, line: 2 }, { file: body }]);
  });

  it('reads log events and metrics beside the spans', async () => {
    const attributes = [{ key: 'session.id', value: { stringValue: 'conv-42' } }];
    const logRecords = [{ eventName: 'session.start', timeUnixNano: '5', attributes, traceId: 'a'.repeat(32) }];
    const metrics = [{ name: 'tokens', histogram: { dataPoints: [{ attributes }] } }];
    const file = write(
      `${JSON.stringify({ resourceLogs: [{ scopeLogs: [{ logRecords }] }] })}
${JSON.stringify({ resourceMetrics: [{ scopeMetrics: [{ metrics }] }] })}
${json}`,
    );
    const { index } = await captureFiles([file]);
    expect(index.logs).toMatchObject([
      { name: 'session.start', time: 5n, traceId: 'a'.repeat(32), place: { line: 1 } },
    ]);
    expect(index.metrics).toMatchObject([{ name: 'tokens', place: { line: 2 } }]);
    expect(index.metrics[0]?.series[0]?.['session.id']).toBe('conv-42');
  });

  it('reads more log events and metrics of one request than a call takes arguments', async () => {
    const logRecords = Array.from({ length: 200_000 }, () => ({}));
    const metrics = Array.from({ length: 200_000 }, () => ({}));
    const [resourceLogs, resourceMetrics] = [[{ scopeLogs: [{ logRecords }] }], [{ scopeMetrics: [{ metrics }] }]];
    const { index } = await captureFiles([
      write(JSON.stringify({ ...JSON.parse(json), resourceLogs, resourceMetrics })),
    ]);
    expect([index.logs.length, index.metrics.length]).toEqual([200_000, 200_000]);
  });

  it("reads what Copilot's own exporter wrote", async () => {
    const recording = fileURLToPath(new URL('recordings/copilot-1.0.14.jsonl', import.meta.url));
    const capture = await captureFiles([recording]);
    expect(capture.tree()).toMatchInlineSnapshot(`
      "session.provisioning [no session, conversation conv-42]
      invoke_agent [no session, conversation conv-42]
        session.first_turn [no session, conversation conv-42]
        chat m1 [no session, conversation conv-42]
        chat m1 [no session, conversation conv-42]
      invoke_agent [no session, conversation conv-42]
        chat m1 [no session, conversation conv-42]
        chat m1 [no session, conversation conv-42]"
    `);
    expect(capture.index.metrics.map(({ name }) => name)).toContain('gen_ai.client.operation.duration');
    expect(capture.spans.every(({ start, end }) => start > 0n && end >= start)).toBe(true);
  });

  it.each(['lists', 'maps'] as const)('reads attributes of many %s inside of one another, to a limit', async (kind) => {
    const [open, close] = kind === 'lists' ? ['[', ']'] : ['{"k":', '}'];
    for (const [, content] of nested(100, kind)) {
      const { spans } = await captureFiles([write(content)]);
      expect(JSON.stringify(spans[0]?.attributes['deep'])).toBe(`${open.repeat(100)}"a"${close.repeat(100)}`);
    }
    for (const [format, content] of [...nested(101, kind), ...nested(10_000, kind)]) {
      const file = write(content);
      const place = format === 'protobuf' ? file : `${file}:1`;
      expect(await failureOf(readTraces([file]))).toBe(
        `${place}: an attribute has more than 100 lists or maps inside of one another. Record it as JSON text instead.`,
      );
    }
  });

  it.each([
    ['traceId', '0'.repeat(32), 'b'.repeat(16)],
    ['traceId', 'aa', 'b'.repeat(16)],
    ['spanId', 'a'.repeat(32), '0'.repeat(16)],
  ])('refuses a span of protobuf without a %s as one of JSON: %s, %s', async (name, traceId, spanId) => {
    const ids = [field(1, Buffer.from(traceId, 'hex')), field(2, Buffer.from(spanId, 'hex'))];
    const own = write(field(1, field(2, field(2, Buffer.concat(ids)))));
    const other = write(JSON.stringify({ resourceSpans: [{ scopeSpans: [{ spans: [{ traceId, spanId }] }] }] }));
    const said = `a span has no valid ${name}, so nothing can be said of its place.`;
    expect(await failureOf(readTraces([own]))).toBe(`${own}: ${said}`);
    expect(await failureOf(readTraces([other]))).toBe(`${other}:1: ${said} Ids are hexadecimal or base64.`);
  });

  it('takes no link of protobuf, and no parent, whose id is all zero', async () => {
    const [traceId, spanId, none] = [Buffer.alloc(16, 1), Buffer.alloc(8, 1), Buffer.alloc(16)];
    const ids = [field(1, traceId), field(2, spanId)];
    const links = [
      field(13, Buffer.concat(ids)),
      field(13, Buffer.concat([field(1, none), field(2, spanId)])),
      field(13, Buffer.concat([field(1, traceId), field(2, none.subarray(8))])),
    ];
    const span = Buffer.concat([...ids, field(4, none.subarray(8)), ...links]);
    const { spans } = await captureFiles([write(field(1, field(2, field(2, span))))]);
    expect(spans).toMatchObject([{ parentSpanId: undefined, links: [{ spanId: spanId.toString('hex') }] }]);
  });

  it('reads standard input', () => {
    const bin = fileURLToPath(new URL('../../bin/turnkeeper.js', import.meta.url));
    const input = gzipSync(readFileSync(write(json)));
    const argv = [bin, 'check', '-', '--format', 'json', '--rule', 'sampled-whole=off'];
    expect(JSON.parse(execFileSync(process.execPath, argv, { input, encoding: 'utf8' }))).toMatchObject({ spans: 2 });
  });

  it.each([
    ['protobuf that was cut off', protobuf.subarray(0, -5)],
    ['a length without its message', delimited(protobuf).subarray(0, -5)],
    ['bytes of something else', Buffer.from('\u0000\u0001\u0002\u0003hello')],
    ['protobuf of something else', Buffer.from([0x0a, 0x03, 0x12, 0x01, 0x08])],
    ['gzip that was cut off', gzipSync(json).subarray(0, -20)],
    ['zstd that was cut off', zstdCompressSync(json).subarray(0, -20)],
    ['zstd that was damaged', zstdCompressSync(json).fill(0xff, 40, 60)],
    ['zstd behind zstd', Buffer.concat([zstdCompressSync(`${json}\n`), zstdCompressSync(json)])],
    ['a compressed message that was cut off', delimited(zstdCompressSync(json)).subarray(0, -20)],
    ['a document that was cut off', document.slice(0, -20)],
    ['no byte', ''],
  ])('says in one line that it cannot read %s', async (_, content) => {
    const file = write(content);
    const message = await failureOf(readTraces([file]));
    expect(message.startsWith(`${file}: `) || message.startsWith(`${file}:1: `)).toBe(true);
    expect(message).not.toContain('\n');
    expect(message).toMatch(/\w\.$|\?$/u);
  });
});
