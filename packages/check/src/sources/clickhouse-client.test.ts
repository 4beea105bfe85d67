/** ClickHouse as those have it who fill it by its official client, and check it by the command or by their own code. */
import { ClickHouseLogLevel, createClient } from '@clickhouse/client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { check } from '../check.ts';
import type { CapturedSpan } from '../span.ts';
import { summarize } from '../summary.ts';
import { serveChdb } from '../testing/chdb-server.ts';
import { rowOf, startChdb, tableOf } from '../testing/chdb.ts';
import { turnkeeper } from '../testing/command.ts';
import { brokenExamples, wholeExamples } from '../testing/defects.ts';
import { captureOf, spansOf, tool, turn } from '../testing/spans.ts';
import { queryByHttp } from './clickhouse/http.ts';
import { captureClickHouse, captureClickHouseTable, type ClickHouseQuery } from './clickhouse.ts';
import { isRecord } from './json.ts';

const chdb = await startChdb();
const served = chdb && (await serveChdb(chdb.run));
afterAll(async () => {
  await served?.[Symbol.asyncDispose]();
  chdb?.close();
});

/** The engine of this process behind its HTTP interface, and a whole server, where one is given. */
const servers = [served?.url, process.env['TURNKEEPER_TEST_CLICKHOUSE']].filter((url) => url !== undefined);

it.skipIf(servers.length > 0)('no ClickHouse is tried: chdb is not installed for this machine', () => {
  expect(chdb).toBeUndefined();
});

describe.each(servers)('a ClickHouse server at %s', { timeout: 60_000 }, (url) => {
  const database = `turnkeeper_${process.pid}`;
  const client = createClient({ url, log: { level: ClickHouseLogLevel.OFF } });
  const fill = async (spans: readonly CapturedSpan[]): Promise<void> => {
    await client.command({ query: `TRUNCATE TABLE ${database}.otel_traces` });
    await client.insert({ table: `${database}.otel_traces`, values: spans.map(rowOf), format: 'JSONEachRow' });
  };
  const askByClient: ClickHouseQuery = async (query) => {
    const answer = await client.query({ query, format: 'JSONEachRow' });
    const rows: readonly unknown[] = await answer.json();
    return rows.filter(isRecord);
  };
  beforeAll(async () => {
    await client.command({ query: `CREATE DATABASE ${database}` });
    await client.command({ query: tableOf(database) });
  });
  afterAll(async () => {
    await client.command({ query: `DROP DATABASE ${database}` });
    await client.close();
  });

  it('is alive, and refuses a query in its own words, to the client and to our reader', async () => {
    await expect(client.ping()).resolves.toEqual({ success: true });
    const query = `SELECT * FROM ${database}.nowhere`;
    await expect(askByClient(query)).rejects.toMatchObject({ code: '60', type: 'UNKNOWN_TABLE' });
    await expect(queryByHttp(url)(query)).rejects.toThrow(/the server refuses the query: Code: 60\. DB::Exception: /u);
  });

  it('has the same findings for the client and for our reader, whoever looks for them', async () => {
    const traces = [...wholeExamples, ...brokenExamples].flatMap((example) => example.traces);
    const all = captureOf(...traces);
    await fill(spansOf(...traces));
    const wanted = check(all);
    expect(new Set(wanted.map(({ rule }) => rule)).size).toBeGreaterThan(15);
    for (const ask of [askByClient, queryByHttp(url)]) {
      expect(check(await captureClickHouseTable(ask, { database }))).toEqual(wanted);
      const { suspects, summary } = await captureClickHouse(ask, { database });
      expect(check(suspects)).toEqual(wanted);
      expect(summary).toEqual(summarize(all));
    }
  });

  it('gives the client and our reader the same rows, quotes, times and counts included', async () => {
    const odd = `it's "odd"\\ \n\t é 漢 😀`;
    await fill(spansOf(turn('a', { attributes: { odd, [odd]: '1' } }, [tool({ session: null })]), turn('a')));
    const query = `SELECT *, count() OVER () AS all FROM ${database}.otel_traces ORDER BY SpanId`;
    const rows = await askByClient(query);
    expect(rows).toHaveLength(4);
    expect(JSON.stringify(rows)).toContain(JSON.stringify(odd).slice(1, -1));
    expect(await queryByHttp(url)(query)).toEqual(rows);
  });

  it('is checked by the command', async () => {
    await fill(spansOf(turn('a', {}, [tool({ session: null })]), turn('b')));
    const found = await turnkeeper('check', '--clickhouse', url, '--database', database, '--format', 'json');
    expect(found).toMatchObject({ status: 1, stderr: '' });
    expect(JSON.parse(found.stdout)).toMatchObject({
      spans: 4,
      traces: 2,
      sessions: 2,
      turns: 2,
      findings: [{ rule: 'every-span-stamped' }],
    });
  });
});
