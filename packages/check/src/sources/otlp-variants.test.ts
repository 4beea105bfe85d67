import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { temporaryFolder } from '../testing/folder.ts';
import { captureFiles } from './capture-files.ts';

const directory = temporaryFolder();
let files = 0;

function write(content: string | Uint8Array): string {
  const file = join(directory, `traces-${(files += 1)}`);
  writeFileSync(file, content);
  return file;
}

const read = (...requests: readonly object[]) =>
  captureFiles([write(requests.map((request) => JSON.stringify(request)).join('\n'))]);

const ids = { traceId: 'a'.repeat(32), spanId: 'b'.repeat(16) };
const attribute = (key: string, value: object) => ({ key, value });
const resource = { attributes: [attribute('service.name', { stringValue: 'shop' })] };
const request = (...spans: readonly object[]) => ({ resourceSpans: [{ resource, scopeSpans: [{ spans }] }] });

it('reads spans as they were written before scopes had that name', async () => {
  const { spans } = await read({ resourceSpans: [{ resource, instrumentationLibrarySpans: [{ spans: [ids] }] }] });
  expect(spans).toMatchObject([{ ...ids, resource: { 'service.name': 'shop' } }]);
});

it('passes over profiles', async () => {
  const { spans } = await read({ resourceProfiles: [] }, request(ids));
  expect(spans).toHaveLength(1);
});

it.each(['gauge', 'sum', 'histogram', 'exponentialHistogram', 'summary'])(
  'reads the series of a metric that is a %s',
  async (kind) => {
    const dataPoints = [{ attributes: [attribute('session.id', { stringValue: 'conv-42' })] }];
    const metrics = [{ name: 'tokens', [kind]: { dataPoints } }];
    const { index } = await read({ resourceMetrics: [{ scopeMetrics: [{ metrics }] }] }, request(ids));
    expect(index.metrics.map(({ series }) => series.map((one) => ({ ...one })))).toEqual([
      [{ 'session.id': 'conv-42' }],
    ]);
  },
);

it('knows of a log event which span it is of, and what made it', async () => {
  const logRecords = [{ eventName: 'session.start', ...ids }];
  const { index } = await read({ resourceLogs: [{ resource, scopeLogs: [{ logRecords }] }] }, request(ids));
  expect(index.logs).toMatchObject([{ ...ids, resource: { 'service.name': 'shop' } }]);
});

it('knows of a message in the body of a log event, as it was written before it became an attribute', async () => {
  const map = (...values: readonly object[]) => ({ kvlistValue: { values } });
  const call = map(attribute('function', map(attribute('arguments', { stringValue: '{}' }))));
  const bodies = [
    { stringValue: 'hello' },
    map(attribute('content', { stringValue: 'hello' })),
    map(attribute('tool_calls', { arrayValue: { values: [call] } })),
    map(attribute('role', { stringValue: 'user' }), attribute('content', { stringValue: '' })),
    map(attribute('finish_reasons', { arrayValue: { values: [{ stringValue: 'stop' }] } })),
    undefined,
  ];
  const logRecords = ['gen_ai.assistant.message', 'request'].flatMap((eventName) =>
    bodies.map((body) => ({ eventName, body })),
  );
  const { index } = await read({ resourceLogs: [{ scopeLogs: [{ logRecords }] }] }, request(ids));
  expect(index.logs.flatMap(({ hasContent }, at) => (hasContent === true ? [at] : []))).toEqual([0, 1, 2]);
  expect(JSON.stringify(index.logs.map((log) => ({ ...log, time: 0 })))).not.toContain('hello');
});

it('reads numbers that JSON has no way to write, and bytes', async () => {
  const attributes = [
    attribute('none', { doubleValue: 'NaN' }),
    attribute('all', { doubleValue: 'Infinity' }),
    attribute('bytes', { bytesValue: 'AP/+AA==' }),
    attribute('url', { bytesValue: 'AP_-AA' }),
    attribute('no bytes', { bytesValue: 5 }),
  ];
  const { spans } = await read(request({ ...ids, attributes }));
  expect({ ...spans[0]?.attributes }).toEqual({ none: Number.NaN, all: Infinity, bytes: 'AP/+AA==', url: 'AP/+AA==' });
});

it('takes a list or a map where a text or a number belongs for none', async () => {
  const map = { toString: 'x', valueOf: 'x' };
  const attributes = ['stringValue', 'boolValue', 'intValue', 'doubleValue'].map((kind) =>
    attribute(kind, { [kind]: map }),
  );
  const { spans } = await read(request({ ...ids, attributes }));
  expect({ ...spans[0]?.attributes }).toEqual({
    stringValue: undefined,
    boolValue: undefined,
    intValue: Number.NaN,
    doubleValue: Number.NaN,
  });
});

it.each(['soon', '-1', -1, 1e300, {}, '1700000000.5'])('refuses %j for a time', async (time) => {
  for (const name of ['startTimeUnixNano', 'endTimeUnixNano'])
    await expect(read(request({ ...ids, [name]: time }))).rejects.toThrow(
      `:1: a span has no valid ${name}, so nothing can be said of its order. Times are nanoseconds since the epoch, as digits.`,
    );
});

it('takes what it does not know for what is not said: a time, a kind, a status, a link to nowhere', async () => {
  const span = {
    ...ids,
    endTimeUnixNano: 5.5,
    kind: 9,
    events: [{ timeUnixNano: 'soon' }],
    status: { code: 9 },
    links: [{ traceId: ids.traceId }, { spanId: ids.spanId }, ids],
  };
  const { spans } = await read(request(span));
  expect(spans).toMatchObject([{ start: 0n, end: 5n, kind: 'unspecified', status: 'unset', links: [ids] }]);
  expect(spans[0]?.events).toMatchObject([{ time: 0n }]);
});
