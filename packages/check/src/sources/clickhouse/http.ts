import { InputError } from '../input-error.ts';
import { isRecord, type JsonRecord } from '../json.ts';
import type { ClickHouseQuery } from '../clickhouse.ts';

/** How long a query may take; milliseconds. */
const patience = 300_000;

/**
 * Asks a ClickHouse server by its HTTP interface. The user and the password stand in the address, or in
 * CLICKHOUSE_USER and CLICKHOUSE_PASSWORD.
 *
 * @throws InputError for an address that is none; the query it gives rejects with one where the server does not answer.
 */
export function queryByHttp(address: string, environment: NodeJS.ProcessEnv = process.env): ClickHouseQuery {
  if (!URL.canParse(address)) {
    throw new InputError(
      address,
      undefined,
      'this is no address of a ClickHouse server, such as http://localhost:8123.',
    );
  }
  const url = new URL(address);
  const user = decodeURIComponent(url.username) || environment['CLICKHOUSE_USER'];
  const password = decodeURIComponent(url.password) || environment['CLICKHOUSE_PASSWORD'];
  [url.username, url.password] = ['', ''];
  const name = url.origin;
  url.searchParams.set('default_format', 'JSONEachRow');
  const headers = {
    ...(user === undefined ? {} : { 'X-ClickHouse-User': user }),
    ...(password === undefined ? {} : { 'X-ClickHouse-Key': password }),
  };
  return async (sql) => {
    let response: Response;
    let text: string;
    try {
      response = await fetch(url, { method: 'POST', body: sql, headers, signal: AbortSignal.timeout(patience) });
      text = await response.text();
    } catch (error) {
      const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
      throw new InputError(
        name,
        undefined,
        `the server does not answer (${describe(cause)}). Is it running, and is this its HTTP port?`,
      );
    }
    if (!response.ok) throw new InputError(name, undefined, `the server refuses the query: ${firstLine(text)}`);
    return text
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => parseRow(line, name));
  };
}

function parseRow(line: string, name: string): JsonRecord {
  const row: unknown = JSON.parse(line);
  if (isRecord(row)) return row;
  throw new InputError(name, undefined, 'the server answers with something else than rows.');
}

function describe(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  return typeof code === 'string' ? code : error instanceof Error ? firstLine(error.message) : String(error);
}

function firstLine(text: string): string {
  return text.split('\n', 1)[0]?.slice(0, 300) ?? '';
}
