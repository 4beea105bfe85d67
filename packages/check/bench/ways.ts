import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { captureFiles, check } from '../dist/index.js';
import { scanFiles } from '../dist/scan/scan-files.js';
import { readBytes } from '../dist/sources/bytes.js';
import { splitLines } from '../dist/sources/lines.js';
import { readTraces } from '../dist/sources/read-traces.js';
import { MinimalCheck, type ParsedSpan } from './minimal-check.ts';

/** A way of checking a file. */
export interface Way {
  readonly title: string;
  readonly format: 'jsonl' | 'pb';
  /** Above so many spans it needs more memory, or more time, than most have. */
  readonly upTo?: number;
  /** Checks the file: how many things it found; undefined: it looks for nothing. */
  run(file: string): Promise<number | undefined>;
}

interface ParsedRequest {
  readonly resourceSpans: readonly { readonly scopeSpans: readonly { readonly spans: readonly ParsedSpan[] }[] }[];
}

/** Spans that are not stamped as the rest of their trace, and nothing else: about what the minimal check looks for. */
const unstampedTraces = (spans: string): string =>
  `SELECT count(*) AS found FROM (SELECT trace FROM (${spans}) AS spans GROUP BY trace HAVING count(DISTINCT session) > 1) AS traces`;

/** All ways, by their names. */
export const ways: Readonly<Record<string, Way>> = {
  parse: {
    title: 'JSON.parse of each line, and no check at all',
    format: 'jsonl',
    run: async (file) => {
      for await (const { text } of splitLines(readBytes(file), file)) JSON.parse(text);
      return undefined;
    },
  },
  parseCheck: {
    title: 'JSON.parse of each line, five rules as spans go by',
    format: 'jsonl',
    run: async (file) => {
      const minimal = new MinimalCheck();
      for await (const { text } of splitLines(readBytes(file), file)) {
        const request: ParsedRequest = JSON.parse(text);
        for (const { scopeSpans } of request.resourceSpans)
          for (const { spans } of scopeSpans) for (const span of spans) minimal.add(span);
      }
      minimal.finish();
      return minimal.wrong.size;
    },
  },
  full: {
    title: 'every span read in full, all rules',
    format: 'jsonl',
    upTo: 1_000_000,
    run: async (file) => check(await captureFiles([file])).length,
  },
  scan: {
    title: '**scanned on one thread, suspects read in full, all rules**',
    format: 'jsonl',
    run: async (file) => check((await scanFiles([file])).suspects).length,
  },
  scanThreads: {
    title: '**the same on two threads**',
    format: 'jsonl',
    run: async (file) => check((await scanFiles([file], { workers: 1 })).suspects).length,
  },
  protobuf: {
    title: 'protobuf, pulled field by field into spans, no check',
    format: 'pb',
    run: async (file) => {
      for await (const { spans } of readTraces([file]))
        if (spans.length === 0) throw new Error('a message without spans');
      return undefined;
    },
  },
  chdb: {
    title: 'chDB on the file, one rule in SQL',
    format: 'jsonl',
    run: async (file) => {
      const { Session } = await import('chdb');
      const session = new Session();
      const spans = `SELECT span.traceId AS trace, arrayFirst(a -> a.key = 'session.id', span.attributes).value.stringValue AS session
        FROM (SELECT arrayJoin(arrayJoin(arrayJoin(resourceSpans).scopeSpans).spans) AS span FROM file('${file}', JSONEachRow,
        'resourceSpans Array(Tuple(scopeSpans Array(Tuple(spans Array(Tuple(traceId String, attributes Array(Tuple(key String, value Tuple(stringValue String)))))))))'))`;
      const answer = session.query(unstampedTraces(spans), 'JSONEachRow');
      session.cleanup();
      return foundIn(JSON.parse(answer));
    },
  },
  duckdb: {
    title: 'DuckDB on the file, one rule in SQL',
    format: 'jsonl',
    upTo: 1_000_000,
    run: async (file) => {
      const { DuckDBInstance } = installDuckDb();
      const connection = await (await DuckDBInstance.create()).connect();
      const spans = `SELECT span.traceId AS trace, coalesce(list_filter(span.attributes, a -> a.key = 'session.id')[1].value.stringValue, '') AS session
        FROM (SELECT unnest(scope.spans) AS span FROM (SELECT unnest(resource.scopeSpans) AS scope FROM (SELECT unnest(resourceSpans) AS resource
        FROM read_json('${file}', format = 'newline_delimited', columns = {resourceSpans:
        'STRUCT(scopeSpans STRUCT(spans STRUCT(traceId VARCHAR, attributes STRUCT("key" VARCHAR, "value" STRUCT(stringValue VARCHAR))[])[])[])[]'}))))`;
      const reader = await connection.runAndReadAll(unstampedTraces(spans));
      return foundIn(reader.getRowObjects()[0]);
    },
  },
};

function foundIn(row: unknown): number {
  if (typeof row === 'object' && row !== null && 'found' in row) return Number(row.found);
  throw new Error(`no answer in ${JSON.stringify(row)}`);
}

interface DuckDb {
  readonly DuckDBInstance: {
    create(): Promise<{
      connect(): Promise<{ runAndReadAll(sql: string): Promise<{ getRowObjects(): readonly unknown[] }> }>;
    }>;
  };
}

/** DuckDB, which only the bench needs: installed beside it when it is first asked for. */
function installDuckDb(): DuckDb {
  const directory = fileURLToPath(new URL('.engines/', import.meta.url));
  if (!existsSync(`${directory}node_modules/@duckdb/node-api`)) {
    mkdirSync(directory, { recursive: true });
    const argv = ['install', '--silent', '--no-save', '--prefix', directory, '@duckdb/node-api@1.4.1-r.1'];
    execFileSync('npm', argv, { stdio: 'ignore' });
  }
  return createRequire(directory)('@duckdb/node-api');
}
