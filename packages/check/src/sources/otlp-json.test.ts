import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { CapturedSpan } from '../span.ts';
import { collect, failureOf } from '../testing/collect.ts';
import { temporaryFolder } from '../testing/folder.ts';
import { splitLines } from './lines.ts';
import { readTraces } from './read-traces.ts';

const directory = temporaryFolder();
let files = 0;

function write(...lines: readonly (string | object)[]): string {
  const file = join(directory, `traces-${(files += 1)}.jsonl`);
  writeFileSync(file, lines.map((line) => (typeof line === 'string' ? line : JSON.stringify(line))).join('\n'));
  return file;
}

async function read(...lines: readonly (string | object)[]): Promise<readonly CapturedSpan[]> {
  const batches = await collect(readTraces([write(...lines)]));
  return batches.flatMap(({ spans }) => spans);
}

async function failure(...lines: readonly (string | object)[]): Promise<string> {
  const file = write(...lines);
  return (await failureOf(readTraces([file]))).replace(file, 'FILE');
}

const base64 = (hexadecimal: string) => Buffer.from(hexadecimal, 'hex').toString('base64');

const span = {
  traceId: '0AF7651916CD43DD8448EB211C80319C',
  spanId: 'b7ad6b7169203331',
  parentSpanId: '00f067aa0ba902b7',
  flags: 0x101,
  name: 'chat m1',
  kind: 3,
  startTimeUnixNano: '1700000000000000001',
  endTimeUnixNano: 1_700_000_000_000_000_000,
  attributes: [
    { key: 'session.id', value: { stringValue: 'conv-42' } },
    { key: 'tokens', value: { intValue: '12' } },
    { key: 'count', value: { intValue: 3 } },
    { key: 'ratio', value: { doubleValue: 0.5 } },
    { key: 'flag', value: { boolValue: true } },
    { key: 'list', value: { arrayValue: { values: [{ stringValue: 'a' }, { intValue: '1' }] } } },
    { key: 'map', value: { kvlistValue: { values: [{ key: 'k', value: { stringValue: 'v' } }] } } },
    { key: '__proto__', value: { stringValue: 'p' } },
  ],
  events: [{ name: 'run.start', timeUnixNano: '5', attributes: [{ key: 'a', value: { stringValue: 'b' } }] }],
  links: [{ traceId: 'f'.repeat(32), spanId: 'e'.repeat(16), attributes: [] }],
  status: { code: 2, message: 'too slow' },
};

const request = (...spans: readonly object[]) => ({
  resourceSpans: [
    {
      resource: { attributes: [{ key: 'service.name', value: { stringValue: 'shop' } }] },
      scopeSpans: [{ scope: { name: 'test' }, spans }],
    },
  ],
});

describe('OTLP as JSON lines', () => {
  it('reads everything that a rule may look at', async () => {
    const [read1] = await read(request(span));
    expect({ ...read1, attributes: { ...read1?.attributes } }).toMatchObject({
      traceId: '0af7651916cd43dd8448eb211c80319c',
      spanId: 'b7ad6b7169203331',
      parentSpanId: '00f067aa0ba902b7',
      parentIsRemote: false,
      kind: 'client',
      start: 1_700_000_000_000_000_001n,
      end: 1_700_000_000_000_000_000n,
      status: 'error',
      statusMessage: 'too slow',
      attributes: {
        'session.id': 'conv-42',
        tokens: 12,
        count: 3,
        ratio: 0.5,
        flag: true,
        list: ['a', 1],
      },
      events: [{ name: 'run.start', time: 5n, attributes: { a: 'b' } }],
      links: [{ traceId: 'f'.repeat(32), spanId: 'e'.repeat(16) }],
      resource: { 'service.name': 'shop' },
    });
    expect(read1?.attributes['map']).toEqual({ k: 'v' });
    expect(Object.entries(read1?.attributes ?? {})).toContainEqual(['__proto__', 'p']);
  });

  it('reads ids in base64, and enumerations by name', async () => {
    const [read1] = await read(
      request({
        ...span,
        traceId: base64(span.traceId),
        spanId: base64(span.spanId),
        parentSpanId: '',
        kind: 'SPAN_KIND_SERVER',
        status: { code: 'STATUS_CODE_OK' },
      }),
    );
    expect(read1).toMatchObject({
      traceId: '0af7651916cd43dd8448eb211c80319c',
      spanId: 'b7ad6b7169203331',
      parentSpanId: undefined,
      kind: 'server',
      status: 'ok',
    });
  });

  it('reads from the flags whether the parent is in another process', async () => {
    const spans = await read(request({ ...span, flags: 0x301 }, { ...span, flags: 1 }, { ...span, flags: undefined }));
    expect(spans.map(({ parentIsRemote }) => parentIsRemote)).toEqual([true, undefined, undefined]);
  });

  it('keeps file and line, counts blank lines and those of other signals, and takes several resources', async () => {
    const two = { resourceSpans: [...request(span).resourceSpans, ...request(span).resourceSpans] };
    const spans = await read('\uFEFF{"resourceLogs":[]}', '', request(span), '{"resourceMetrics":[]}', '{}\r', two);
    expect(spans.map(({ place, order }) => [place?.line, order])).toEqual([
      [3, 0],
      [6, 1],
      [6, 2],
    ]);
  });

  it('does not take a line separator inside a text for the end of a line', async () => {
    const spans = await read(request({ ...span, name: 'a\u2028b' }), request(span));
    expect(spans.map(({ name, place }) => [name, place?.line])).toEqual([
      ['a\u2028b', 1],
      ['chat m1', 2],
    ]);
  });

  it('reads lines of any length', async () => {
    const [read1] = await read(request({ ...span, name: 'é'.repeat(3_000_000) }));
    expect(read1?.name).toHaveLength(3_000_000);
  });

  it('says which line is too large to be a text, however it comes', async () => {
    async function* pieces(...texts: readonly string[]): AsyncIterable<Buffer> {
      for (const text of texts) yield Buffer.from(text);
    }
    const reason = 'FILE:2: this line is too large to be read at once. ';
    await expect(collect(splitLines(pieces('1234\n12', '345'), 'FILE', 4))).rejects.toThrow(reason);
    await expect(collect(splitLines(pieces('1234\n12345\n'), 'FILE', 4))).rejects.toThrow(reason);
    expect(await collect(splitLines(pieces('1234\n12', '34\n', '1'), 'FILE', 4))).toHaveLength(3);
  });

  it('names file, line and what to do for everything that it cannot read', async () => {
    expect(await failure(request(span), '{"resourceSpans": [')).toMatchInlineSnapshot(
      `"FILE:2: this line is not JSON. Was the file cut off while it was written? Remove the line, or export again."`,
    );
    expect(await failure('', 'hello', '{}')).toMatchInlineSnapshot(
      `"FILE:2: this line is not JSON, and there is none before it. Was the file cut off, or is it something else, such as what a console exporter prints? Give OTLP, as the file exporter of an OpenTelemetry collector writes it."`,
    );
    expect(await failure('{', '  resource: {},', '}')).toMatchInlineSnapshot(
      `"FILE:1: what begins here is not one whole JSON document. Was it cut off, or is it something else, such as what a console exporter prints? Of several documents each needs a line of its own, as jq -c writes them."`,
    );
    expect(await failure('{', '  "resourceSpans": [', '')).toContain(
      'FILE:1: what begins here is not one whole JSON document.',
    );
    expect(await failure('{', '}', '{', '}')).toContain('FILE:1: what begins here is not one whole JSON document.');
    expect(await failure('[1, 2]')).toMatchInlineSnapshot(
      `"FILE:1: this is JSON, but not OTLP: it is no object. Each line must be an ExportTraceServiceRequest, as the file exporter of an OpenTelemetry collector writes it."`,
    );
    expect(await failure({ traceEvents: [] })).toMatchInlineSnapshot(
      `"FILE:1: this is JSON, but not OTLP: it has no "resourceSpans". Each line must be an ExportTraceServiceRequest, as the file exporter of an OpenTelemetry collector writes it."`,
    );
    expect(await failure(request({ ...span, traceId: 'xyz' }))).toMatchInlineSnapshot(
      `"FILE:1: a span has no valid traceId, so nothing can be said of its place. Ids are hexadecimal or base64."`,
    );
    expect(await failure(request({ ...span, spanId: '0'.repeat(16) }))).toMatchInlineSnapshot(
      `"FILE:1: a span has no valid spanId, so nothing can be said of its place. Ids are hexadecimal or base64."`,
    );
    expect(await failure('', '  ')).toMatchInlineSnapshot(
      `"FILE: the file is empty. Was the exporter flushed before the process ended?"`,
    );
    expect(await failure()).toMatchInlineSnapshot(
      `"FILE: the file is empty. Was the exporter flushed before the process ended?"`,
    );
  });

  it('says that there is no such file, and that a directory is none', async () => {
    await expect(collect(readTraces(['/no/such/file.jsonl']))).rejects.toThrow(
      '/no/such/file.jsonl: there is no such file.',
    );
    await expect(collect(readTraces([directory]))).rejects.toThrow(`${directory}: this is a directory.`);
  });
});
