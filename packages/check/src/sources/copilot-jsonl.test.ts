import { describe, expect, it } from 'vitest';
import { captureCopilotRecord } from './copilot-jsonl.ts';

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
});
