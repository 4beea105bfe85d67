import { isRecord, type JsonRecord } from '../sources/json.ts';
import type { ClickHouseQuery } from '../sources/clickhouse.ts';
import { type CapturedSpan, textOf } from '../span.ts';

/** The table as the collector's ClickHouse exporter creates it, without its codecs and indices. */
export const tableOf = (database: string): string => `CREATE TABLE ${database}.otel_traces (
  Timestamp DateTime64(9), TraceId String, SpanId String, ParentSpanId String, TraceState String,
  SpanName LowCardinality(String), SpanKind LowCardinality(String), ServiceName LowCardinality(String),
  ResourceAttributes Map(LowCardinality(String), String), ScopeName String, ScopeVersion String,
  SpanAttributes Map(LowCardinality(String), String), Duration UInt64, StatusCode LowCardinality(String), StatusMessage String,
  Events Nested (Timestamp DateTime64(9), Name LowCardinality(String), Attributes Map(LowCardinality(String), String)),
  Links Nested (TraceId String, SpanId String, TraceState String, Attributes Map(LowCardinality(String), String))
) ENGINE = MergeTree() PARTITION BY toDate(Timestamp) ORDER BY (ServiceName, SpanName, toDateTime(Timestamp))`;

interface ChdbSession {
  query(sql: string, format: string): string;
  cleanup(): void;
}

/** ClickHouse's engine inside this process. */
export interface Chdb {
  readonly query: ClickHouseQuery;
  /** Runs a statement; rows are JSONEachRow unless it, or the call, names another format. */
  readonly run: (sql: string, format?: string) => string;
  /** Fills the table with these spans and nothing else. */
  readonly fill: (spans: readonly CapturedSpan[]) => void;
  readonly close: () => void;
}

/** Starts the engine, with an empty table; undefined where it is not installed for this machine. */
export async function startChdb(): Promise<Chdb | undefined> {
  const session = await openSession();
  if (session === undefined) return undefined;
  const run = (sql: string, format = 'JSONEachRow'): string => session.query(sql, format);
  run('CREATE DATABASE IF NOT EXISTS otel');
  run(tableOf('otel'));
  return {
    run,
    query: (sql) => Promise.resolve(parseRows(run(sql))),
    fill: (spans) => {
      run('TRUNCATE TABLE otel.otel_traces');
      if (spans.length > 0)
        run(
          `INSERT INTO otel.otel_traces FORMAT JSONEachRow\n${spans.map((span) => JSON.stringify(rowOf(span))).join('\n')}`,
        );
    },
    close: () => session.cleanup(),
  };
}

async function openSession(): Promise<ChdbSession | undefined> {
  try {
    const { Session } = await import('chdb');
    return new Session();
  } catch {
    return undefined;
  }
}

/** Rows of ClickHouse's JSONEachRow format. */
function parseRows(text: string): readonly JsonRecord[] {
  const rows: unknown[] = text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line));
  return rows.filter(isRecord);
}

/** A span as a row of the table. */
export function rowOf(span: CapturedSpan): JsonRecord {
  const kind = `${span.kind.charAt(0).toUpperCase()}${span.kind.slice(1)}`;
  return {
    Timestamp: toTime(span.start),
    TraceId: span.traceId,
    SpanId: span.spanId,
    ParentSpanId: span.parentSpanId ?? '',
    SpanName: span.name,
    SpanKind: kind,
    ServiceName: textOf(span.resource, 'service.name') ?? '',
    ResourceAttributes: toTexts(span.resource),
    SpanAttributes: toTexts(span.attributes),
    Duration: String(span.end - span.start),
    StatusCode: { unset: 'Unset', ok: 'Ok', error: 'Error' }[span.status],
    'Events.Timestamp': span.events.map(({ time }) => toTime(time)),
    'Events.Name': span.events.map(({ name }) => name),
    'Events.Attributes': span.events.map(({ attributes }) => toTexts(attributes)),
    'Links.TraceId': span.links.map(({ traceId }) => traceId),
    'Links.SpanId': span.links.map(({ spanId }) => spanId),
    'Links.TraceState': span.links.map(() => ''),
    'Links.Attributes': span.links.map(({ attributes }) => toTexts(attributes)),
  };
}

function toTime(nanoseconds: bigint): string {
  return `${nanoseconds / 1_000_000_000n}.${String(nanoseconds % 1_000_000_000n).padStart(9, '0')}`;
}

function toTexts(attributes: Readonly<Record<string, unknown>>): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(attributes).map(([key, value]) => [key, String(value)]));
}
