import {
  ATTR_GEN_AI_USAGE_CACHE_CREATION_INPUT_TOKENS,
  ATTR_GEN_AI_USAGE_CACHE_READ_INPUT_TOKENS,
  ATTR_GEN_AI_USAGE_INPUT_TOKENS,
  ATTR_GEN_AI_USAGE_OUTPUT_TOKENS,
  ATTR_GEN_AI_USAGE_REASONING_OUTPUT_TOKENS,
} from '@turnkeeper/instrumentation/semconv';
import { type Capture, captureRecords } from '../capture.ts';
import { type CapturedSpan, sessionOf, type SpanKind, type SpanStatus } from '../span.ts';
import type { Summary } from '../summary.ts';
import { identifier, parts } from './clickhouse/sql.ts';
import {
  everySpan,
  spansOfTraces,
  summary,
  suspectSessions,
  suspectTraces,
  tracesOfSessions,
} from './clickhouse/suspects.ts';
import { type JsonRecord, recordOf, recordsOf, stringOf } from './json.ts';

/** Asks a ClickHouse for rows; the query has no FORMAT. */
export type ClickHouseQuery = (sql: string) => Promise<readonly JsonRecord[]>;

/** Where the spans are. */
export interface ClickHouseTable {
  /** Default: `otel`. */
  readonly database?: string;
  /** Default: `otel_traces`, as the collector's exporter makes it. */
  readonly table?: string;
  /** Look at spans that started in the last so many seconds; default: at all. */
  readonly since?: number;
}

/** What came back: how much there is, and everything that may be wrong. */
export interface ClickHouseResult {
  /** Undefined: whoever answers cannot count, so it is no ClickHouse. */
  readonly summary: Summary | undefined;
  /** Only traces in which a rule may find something, each whole, with the rest of their conversations. */
  readonly suspects: Capture;
  /** There were more of them than are read back. */
  readonly isCut: boolean;
}

const kinds: ReadonlyMap<string, SpanKind> = new Map(
  (['internal', 'server', 'client', 'producer', 'consumer'] as const).map((kind) => [kind, kind]),
);
const statuses: ReadonlyMap<string, SpanStatus> = new Map((['ok', 'error'] as const).map((status) => [status, status]));
const usageCounts: ReadonlySet<string> = new Set([
  ATTR_GEN_AI_USAGE_INPUT_TOKENS,
  ATTR_GEN_AI_USAGE_OUTPUT_TOKENS,
  ATTR_GEN_AI_USAGE_CACHE_READ_INPUT_TOKENS,
  ATTR_GEN_AI_USAGE_CACHE_CREATION_INPUT_TOKENS,
  ATTR_GEN_AI_USAGE_REASONING_OUTPUT_TOKENS,
]);
const maximumSuspects = 10_000;
const tracesAtOnce = 500;
/** Steps from a suspect conversation to those that its links lead to. */
const maximumSteps = 20;

/**
 * Lets a ClickHouse find the traces in which a rule may find something, and reads these back whole. Traces and
 * conversations that the time window cuts are completed from outside of it.
 */
export async function captureClickHouse(
  query: ClickHouseQuery,
  options: ClickHouseTable = {},
): Promise<ClickHouseResult> {
  const { database = 'otel', table = 'otel_traces', since } = options;
  const all = `${identifier(database)}.${identifier(table)}`;
  const window = since === undefined ? all : `(SELECT * FROM ${all} WHERE Timestamp >= now64(9) - ${Math.ceil(since)})`;
  const [[counts], traceRows, sessionRows] = await Promise.all([
    query(summary(window)),
    query(suspectTraces(window, maximumSuspects)),
    query(suspectSessions(window, maximumSuspects)),
  ]);
  const sessions = new Set([...sessionRows.map(({ session }) => String(session)), ...traceRows.flatMap(sessionsOf)]);
  const traces = new Set(traceRows.map(({ trace }) => String(trace)));
  const spans = await readWhole(query, all, sessions, traces);
  return {
    summary: summaryOf(counts),
    suspects: captureRecords({ spans }),
    isCut: traceRows.length === maximumSuspects || sessionRows.length === maximumSuspects,
  };
}

function summaryOf(counts: JsonRecord | undefined): Summary | undefined {
  const [spans, traces, sessions, turns] = ['spans', 'traces', 'sessions', 'turns'].map((name) =>
    stringOf(counts?.[name]),
  );
  if (spans === undefined) return undefined;
  return { spans: Number(spans), traces: Number(traces), sessions: Number(sessions), turns: Number(turns) };
}

/** Everything in a table, for what is small enough: no server looks for anything first. */
export async function captureClickHouseTable(query: ClickHouseQuery, options: ClickHouseTable = {}): Promise<Capture> {
  const { database = 'otel', table = 'otel_traces' } = options;
  const rows = await query(everySpan(`${identifier(database)}.${identifier(table)}`));
  return captureRecords({ spans: rows.map(captureRow) });
}

/** The spans of the traces, of all traces of the sessions, and of the conversations that links lead to from there. */
async function readWhole(
  query: ClickHouseQuery,
  table: string,
  sessions: ReadonlySet<string>,
  traces: ReadonlySet<string>,
): Promise<readonly CapturedSpan[]> {
  const spans: CapturedSpan[] = [];
  const read = new Set<string>();
  const asked = new Set<string>();
  let [newSessions, newTraces] = [[...sessions], [...traces]];
  for (let step = 0; step < maximumSteps && newSessions.length + newTraces.length > 0; step += 1) {
    for (const session of newSessions) asked.add(session);
    const more = await askTraces(query, table, newSessions);
    const wanted = [...new Set([...newTraces, ...more])].filter((trace) => !read.has(trace));
    const rows = await readTraces(query, table, wanted);
    for (const trace of wanted) read.add(trace);
    for (const row of rows) spans.push(captureRow(row, spans.length));
    const fresh = spans.slice(spans.length - rows.length);
    newSessions = [...new Set(fresh.map((span) => sessionOf(span) ?? ''))].filter((id) => id !== '' && !asked.has(id));
    newTraces = [...new Set(fresh.flatMap(({ links }) => links.map(({ traceId }) => traceId)))].filter(
      (id) => !read.has(id),
    );
  }
  return spans;
}

async function askTraces(
  query: ClickHouseQuery,
  table: string,
  sessions: readonly string[],
): Promise<readonly string[]> {
  const traces: string[] = [];
  for (const part of parts(sessions)) {
    for (const { trace } of await query(tracesOfSessions(table, part))) traces.push(String(trace));
  }
  return traces;
}

async function readTraces(
  query: ClickHouseQuery,
  table: string,
  traces: readonly string[],
): Promise<readonly JsonRecord[]> {
  const rows: JsonRecord[] = [];
  for (let from = 0; from < traces.length; from += tracesAtOnce) {
    for (const row of await query(spansOfTraces(table, traces.slice(from, from + tracesAtOnce)))) rows.push(row);
  }
  return rows;
}

function sessionsOf({ sessions }: JsonRecord): readonly string[] {
  return Array.isArray(sessions) ? sessions.map(String) : [];
}

/** A row of the exporter's table as a span. It keeps attributes as text, and does not know where a parent lives. */
function captureRow(row: JsonRecord, order: number): CapturedSpan {
  const eventNames = textsOf(row['eventNames']);
  const [eventTimes, eventAttributes] = [textsOf(row['eventTimes']), recordsOf(row['eventAttributes'])];
  const [linkSpans, linkAttributes] = [textsOf(row['linkSpans']), recordsOf(row['linkAttributes'])];
  return {
    traceId: stringOf(row['TraceId']) ?? '',
    spanId: stringOf(row['SpanId']) ?? '',
    parentSpanId: stringOf(row['ParentSpanId']) || undefined,
    parentIsRemote: undefined,
    name: stringOf(row['SpanName']) ?? '',
    kind: kinds.get(wordOf(row['SpanKind'])) ?? 'unspecified',
    start: BigInt(stringOf(row['start']) ?? 0),
    end: BigInt(stringOf(row['end']) ?? 0),
    status: statuses.get(wordOf(row['StatusCode'])) ?? 'unset',
    statusMessage: stringOf(row['StatusMessage']) || undefined,
    attributes: attributesOf(recordOf(row['SpanAttributes'])),
    events: eventNames.map((name, at) => ({
      name,
      time: BigInt(eventTimes[at] ?? 0),
      attributes: eventAttributes[at] ?? {},
    })),
    links: textsOf(row['linkTraces']).map((traceId, at) => ({
      traceId,
      spanId: linkSpans[at] ?? '',
      attributes: linkAttributes[at] ?? {},
    })),
    resource: recordOf(row['ResourceAttributes']),
    order,
    place: undefined,
  };
}

/** Older exporters write `SPAN_KIND_CLIENT` and `STATUS_CODE_ERROR`, newer ones `Client` and `Error`. */
function wordOf(value: unknown): string {
  return (stringOf(value) ?? '').replace(/^(?:SPAN_KIND|STATUS_CODE)_/u, '').toLowerCase();
}

/** The table holds every value as text; counts are numbers again. */
function attributesOf(attributes: JsonRecord): JsonRecord {
  return Object.fromEntries(
    Object.entries(attributes).map(([name, value]) => {
      const isNumber = usageCounts.has(name) && typeof value === 'string' && /^-?\d+(?:\.\d+)?$/u.test(value);
      return [name, isNumber ? Number(value) : value];
    }),
  );
}

function textsOf(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.map(String) : [];
}
