import { InputError } from '../input-error.ts';
import { isRecord, stringOf } from '../json.ts';
import type { ClickHouseQuery } from '../clickhouse.ts';

/** How long a query may take; milliseconds. */
const patience = 300_000;

/**
 * Asks a ClickHouse server by its HTTP interface. The user and the password stand in the address, or in
 * CLICKHOUSE_USER and CLICKHOUSE_PASSWORD.
 *
 * @throws InputError for an address that is none, and for a user who cannot be sent; the query it gives rejects with one where the server does not answer.
 */
export function queryByHttp(address: string, environment: NodeJS.ProcessEnv = process.env): ClickHouseQuery {
  const url = parseAddress(address);
  const name = url.origin;
  const user = decode(url.username, name) || environment['CLICKHOUSE_USER'];
  const password = decode(url.password, name) || environment['CLICKHOUSE_PASSWORD'];
  [url.username, url.password] = ['', ''];
  url.searchParams.set('default_format', 'JSONEachRow');
  const headers = credentials(name, user, password);
  return async (sql) => {
    let response: Response;
    let text: string;
    try {
      const signal = AbortSignal.timeout(patience);
      response = await fetch(url, { method: 'POST', body: sql, headers, signal, redirect: 'manual' });
      text = await response.text();
    } catch (error) {
      const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
      throw new InputError(
        name,
        undefined,
        `the server does not answer (${describe(cause)}). Is it running, and is this its HTTP port?`,
      );
    }
    if (response.status >= 300 && response.status < 400) throw redirection(name, response.headers.get('location'));
    if (!response.ok) throw refusal(name, firstLine(text) || withoutWords(response.status));
    return text
      .split('\n')
      .filter((line) => line.trim() !== '')
      .map((line) => {
        const row = parse(line);
        if (isRecord(row) && failureIn(row) === undefined) return row;
        throw describeAnswer(name, text, row);
      });
  };
}

/** As one header: unlike those of ClickHouse's own it takes any characters, and no user means the default one there too. */
function credentials(
  name: string,
  user: string | undefined,
  password: string | undefined,
): Readonly<Record<string, string>> {
  if (user === undefined && password === undefined) return {};
  // The server would take what is behind it for the password.
  if (user?.includes(':') === true)
    throw new InputError(
      name,
      undefined,
      'the name of the user has a ":", which HTTP has no way to send. Use another user.',
    );
  const both = Buffer.from(`${user ?? 'default'}:${password ?? ''}`, 'utf8').toString('base64');
  return { Authorization: `Basic ${both}` };
}

/** Followed, it would take the query and the password to whatever host it names. */
function redirection(name: string, location: string | null): InputError {
  // A place may hold a password as well.
  const to = location !== null && URL.canParse(location, name) ? ` to ${new URL(location, name).origin}` : '';
  return new InputError(
    name,
    undefined,
    `the server redirects${to}, where no password is sent on its word. Give the address of the ClickHouse itself.`,
  );
}

/**
 * How a server is called in errors: its address without user, password and parameters.
 *
 * @throws InputError for an address that is none.
 */
export function serverName(address: string): string {
  return parseAddress(address).origin;
}

function parseAddress(address: string): URL {
  const url = URL.canParse(address) ? new URL(address) : undefined;
  if (url?.protocol === 'http:' || url?.protocol === 'https:') return url;
  // Whatever is before the last @ may be a password, even where no address can be made of the rest.
  const shown = address.replace(/^(\w+:\/\/)?.*@/su, '$1').replace(/[?#].*$/su, '');
  throw new InputError(shown, undefined, 'this is no address of a ClickHouse server, such as http://localhost:8123.');
}

function decode(part: string, name: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    throw new InputError(
      name,
      undefined,
      'the user or the password in the address has a "%" that begins no escape. Write it as %25.',
    );
  }
}

function parse(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}

/** Since 23.9 a server that fails when it has begun to answer says so in a row: https://github.com/ClickHouse/clickhouse-js/issues/332 */
function failureIn(row: unknown): string | undefined {
  return isRecord(row) && Object.keys(row).length === 1 ? stringOf(row['exception']) : undefined;
}

/** What is wrong with an answer that is not rows alone. Older servers, and some newer ones, write a failure behind the rows. */
function describeAnswer(name: string, text: string, row: unknown): InputError {
  const failure = failureIn(row) ?? /^Code: \d.*/mu.exec(text)?.[0];
  if (failure !== undefined) return refusal(name, failure);
  return new InputError(
    name,
    undefined,
    `the server answers with something else than rows (${firstLine(text)}). Is this the HTTP port of a ClickHouse?`,
  );
}

function withoutWords(status: number): string {
  return `status ${status}, without a word. Is this the HTTP port of a ClickHouse?`;
}

function refusal(name: string, failure: string): InputError {
  return new InputError(name, undefined, `the server refuses the query: ${firstLine(failure)}`);
}

function describe(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  return typeof code === 'string' ? code : error instanceof Error ? firstLine(error.message) : String(error);
}

function firstLine(text: string): string {
  return text.trimStart().split('\n', 1)[0]?.trimEnd().slice(0, 300) ?? '';
}
