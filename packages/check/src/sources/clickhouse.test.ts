import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { check } from '../check.ts';
import { summarize } from '../summary.ts';
import { serveChdb } from '../testing/chdb-server.ts';
import { startChdb } from '../testing/chdb.ts';
import { turnkeeper } from '../testing/command.ts';
import { changedSpans } from '../testing/changes.ts';
import { brokenExamples, wholeExamples } from '../testing/defects.ts';
import { captureOf, chat, other, type SpanLiteral, spansOf, tool, turn } from '../testing/spans.ts';
import { captureClickHouse, captureClickHouseTable } from './clickhouse.ts';

const chdb = await startChdb();
if (chdb === undefined) console.warn('ClickHouse is not tried: chdb is not installed for this machine.');
afterAll(() => chdb?.close());

describe.skipIf(chdb === undefined)('a ClickHouse table', { timeout: 240_000 }, () => {
  const { query, run, fill } = chdb ?? { query: () => Promise.resolve([]), run: () => '', fill: () => {} };

  it.each([...wholeExamples, ...brokenExamples])(
    'has the same findings when the server looks for them: $name',
    async ({ traces }) => {
      const noise = Array.from({ length: 3 }, (_, number) => turn(`noise-${number}`));
      fill(spansOf(...traces, ...noise));
      const everything = await captureClickHouseTable(query);
      const { suspects, summary } = await captureClickHouse(query);
      expect(check(suspects)).toEqual(check(everything));
      expect(summary).toEqual(summarize(captureOf(...traces, ...noise)));
    },
  );

  it('has the same findings when the server looks for them, whatever is changed about spans', async () => {
    const spans = spansOf(...wholeExamples.flatMap(({ traces }) => traces));
    await fc.assert(
      fc.asyncProperty(changedSpans(spans, 10), async (changed) => {
        fill(changed);
        const everything = await captureClickHouseTable(query);
        const { suspects, summary } = await captureClickHouse(query);
        expect(check(suspects)).toEqual(check(everything));
        expect(summary).toEqual(summarize(everything));
      }),
      { numRuns: 40 },
    );
  });

  it('knows of traces of thousands of spans, and hundreds deep, where each belongs', async () => {
    const inner = turn('a', { engine: 'acp' }, [other('GET', { session: null })]);
    const deep = Array.from({ length: 200 }).reduce<SpanLiteral>((below) => other('step', {}, [below]), inner);
    const tools = Array.from({ length: 3_000 }, () => tool());
    fill(spansOf(turn('a', {}, [deep, ...tools]), turn('b', {}, tools)));
    const { suspects, summary } = await captureClickHouse(query);
    expect([...suspects.index.sessions.keys()]).toEqual(['a']);
    expect(check(suspects).map(({ rule }) => rule)).toEqual(['every-span-stamped']);
    expect(summary).toEqual({ spans: 6_204, traces: 2, sessions: 2, turns: 2 });
  });

  it('reads back what is wrong and no more', async () => {
    const called = { 'mcp.method.name': 'tools/call', 'gen_ai.tool.name': 'add', 'gen_ai.prompt.name': 'greeting' };
    const overMcp = other('tools/call add', { kind: 'client', attributes: called });
    const good = Array.from({ length: 50 }, (_, number) => turn(`good-${number}`, {}, [chat(), tool({}, [overMcp])]));
    fill(spansOf(turn('bad', { label: '1' }, [tool({ session: null })]), ...good, turn('bad', { links: ['1'] })));
    const { suspects, summary } = await captureClickHouse(query);
    expect([...suspects.index.sessions.keys()]).toEqual(['bad']);
    expect(suspects.spans).toHaveLength(4);
    expect(summary).toEqual({ spans: 204, traces: 52, sessions: 51, turns: 52 });
  });

  it('asks for more conversations than a query has room for, whatever their ids', async () => {
    const bad = Array.from({ length: 1_500 }, (_, number) =>
      turn(`${number} ${"'é".repeat(60)}`, {}, [tool({ session: null })]),
    );
    fill(spansOf(...bad));
    const { suspects } = await captureClickHouse(query);
    expect(suspects.index.sessions.size).toBe(1_500);
    expect(check(suspects)).toHaveLength(1_500);
  });

  it('completes from outside of the window what the window cuts', async () => {
    const hour = 3_600_000_000_000n;
    const now = BigInt(Date.now()) * 1_000_000n;
    const [first] = spansOf(turn('a'));
    const spans = spansOf(
      turn('a', { label: '1' }, [chat()]),
      turn('a', { links: ['1'] }),
      turn('b', {}, [tool({ session: null })]),
    );
    const moved = spans.map((span) => {
      const [age, own] = [
        span.name === 'chat m1' || span.traceId !== first?.traceId ? 0n : 2n * hour,
        span.start - spans[0]!.start,
      ];
      return { ...span, start: now - age - hour / 4n + own, end: now - age - hour / 4n + own + 1_000_000n };
    });
    fill(
      moved.map((span) => (span.traceId === first?.traceId && span.name !== 'chat m1' ? { ...span, end: now } : span)),
    );
    const { suspects, summary } = await captureClickHouse(query, { since: 3_600 });
    expect(summary).toMatchObject({ traces: 3, spans: 5 });
    expect(check(suspects).map(({ rule, what }) => [rule, what])).toEqual([
      ['every-span-stamped', 'Span "execute_tool add" of the run "invoke_agent pi" carries no session.id.'],
    ]);
  });

  it('takes names and ids that are made to break out of a query', async () => {
    fill(spansOf(turn(`'); DROP TABLE otel.otel_traces; --\\'`, {}, [tool({ session: null })])));
    const { suspects } = await captureClickHouse(query);
    expect(check(suspects).map(({ rule }) => rule)).toEqual(['every-span-stamped']);
    await expect(captureClickHouse(query, { table: "otel_traces` WHERE 1 = '" })).rejects.toThrow('otel_traces');
    expect(run('SELECT count() AS count FROM otel.otel_traces')).toContain('2');
  });

  it('is checked by the command over HTTP', async () => {
    fill(spansOf(turn('a', {}, [tool({ session: null })]), turn('b')));
    const server = await serveChdb(run);
    const { url: address } = server;
    try {
      const found = await turnkeeper('check', '--clickhouse', address, '--format', 'json');
      expect(found.status).toBe(1);
      expect(JSON.parse(found.stdout)).toMatchObject({
        spans: 4,
        traces: 2,
        sessions: 2,
        turns: 2,
        findings: [{ rule: 'every-span-stamped' }],
      });
      const missing = await turnkeeper('check', '--clickhouse', address, '--table', 'nowhere');
      expect([missing.status, missing.stdout]).toEqual([2, '']);
      expect(missing.stderr).toMatch(/^turnkeeper: http:\/\/127\.0\.0\.1:\d+: the server refuses the query: .*\n$/u);
      fill([]);
      expect((await turnkeeper('check', '--clickhouse', address, '--since', '1h')).stderr).toContain(
        'not a single span',
      );
    } finally {
      await server[Symbol.asyncDispose]();
    }
    const silent = await turnkeeper('check', '--clickhouse', address);
    expect([silent.status, silent.stdout]).toEqual([2, '']);
    expect(silent.stderr).toMatch(/does not answer \(ECONNREFUSED\)\. .*\n$/u);
  });
});
