import { describe, expect, it } from 'vitest';
import { captureCopilotRecord, isCopilotRecord } from './copilot-jsonl.ts';

const ids = { traceId: 'A'.repeat(32), spanId: 'b'.repeat(16) };
const place = { file: 'copilot.jsonl', line: 7 };
const capture = (span: object) => captureCopilotRecord({ type: 'span', ...ids, ...span }, place, 0).spans[0];

describe("a span of Copilot's own file", () => {
  it.each([
    { traceId: '\n::stop-commands::pwn\nxxxxxxxxxx' },
    { traceId: '0'.repeat(32) },
    { traceId: undefined },
    { spanId: '\u001b[2Jxxxxxxxxxxxx' },
    { spanId: 7 },
  ])('is refused with the ids %j', (wrong) => {
    expect(() => capture(wrong)).toThrow('copilot.jsonl:7: a span has no valid traceId and spanId');
  });

  it('has no parent and no link whose id is none', () => {
    const context = { traceId: 'c'.repeat(32), spanId: 'd'.repeat(16) };
    const links = [{ context }, { context: { ...context, traceId: '\n'.repeat(32) } }, {}];
    expect(capture({ parentSpanId: 'e'.repeat(16), links })).toMatchObject({
      traceId: 'a'.repeat(32),
      parentSpanId: 'e'.repeat(16),
      links: [context],
    });
    expect(capture({ parentSpanId: '\n'.repeat(16) })?.parentSpanId).toBeUndefined();
  });

  it('is read with everything that a rule may look at', () => {
    const span = {
      name: 'chat m1',
      kind: 2,
      startTime: [1_700_000_000, 5],
      endTime: [1_700_000_001, 0],
      status: { code: 2, message: 'too slow' },
      attributes: { 'gen_ai.conversation.id': 'conv-42' },
      events: [{ name: 'run.start', time: [7, 8], attributes: { a: 'b' } }],
      links: [{ context: { traceId: 'c'.repeat(32), spanId: 'd'.repeat(16) }, attributes: { c: 'd' } }],
      resource: { attributes: { 'service.name': 'copilot' } },
    };
    expect(capture(span)).toMatchObject({
      name: 'chat m1',
      kind: 'client',
      start: 1_700_000_000_000_000_005n,
      end: 1_700_000_001_000_000_000n,
      status: 'error',
      statusMessage: 'too slow',
      attributes: span.attributes,
      events: [{ name: 'run.start', time: 7_000_000_008n, attributes: { a: 'b' } }],
      links: [{ traceId: 'c'.repeat(32), spanId: 'd'.repeat(16), attributes: { c: 'd' } }],
      resource: span.resource.attributes,
      place,
    });
  });

  it('takes what it does not know for what is not said', () => {
    expect(capture({ kind: 9, status: { code: 9 }, startTime: ['soon', 0], endTime: [1, 0.5] })).toMatchObject({
      name: '',
      kind: 'unspecified',
      status: 'unset',
      start: 0n,
      end: 0n,
      attributes: {},
    });
  });
});

it("a metric of Copilot's own file has the attributes of each of its points", () => {
  const dataPoints = [{ attributes: { a: 1 } }, { attributes: { a: 2 } }, {}];
  const { metrics } = captureCopilotRecord({ type: 'metric', name: 'tokens', dataPoints }, place, 0);
  expect(metrics).toMatchObject([{ name: 'tokens', series: [{ a: 1 }, { a: 2 }, {}], place }]);
});

it("a log of Copilot's own file is one of its records, and nothing that is checked", () => {
  const record = { type: 'log', body: 'hello' };
  expect(isCopilotRecord(record)).toBe(true);
  expect(captureCopilotRecord(record, place, 0)).toEqual({ spans: [], logs: [], metrics: [] });
});
