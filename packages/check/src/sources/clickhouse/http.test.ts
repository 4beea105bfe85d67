import { once } from 'node:events';
import { createServer } from 'node:http';
import { afterAll, describe, expect, it } from 'vitest';
import { turnkeeper } from '../../testing/command.ts';
import { queryByHttp } from './http.ts';

let body = '';
let status = 200;
const headers = new Map<string, string>();
const asked: unknown[] = [];
const server = createServer((request, response) => {
  asked.push(request.headers.authorization);
  response.setHeaders(headers).writeHead(status).end(body);
}).listen(0, '127.0.0.1');
await once(server, 'listening');
afterAll(() => server.close());
const bound = server.address();
const host = `127.0.0.1:${typeof bound === 'object' ? bound?.port : ''}`;

const basic = (both: string): string => `Basic ${Buffer.from(both).toString('base64')}`;

/** What the query gives when the server answers with a text and 200. */
async function answer(text: string): Promise<unknown> {
  body = text;
  return await queryByHttp(`http://${host}`, {})('SELECT 1').catch(String);
}

describe('queryByHttp', () => {
  it('takes rows', async () => {
    expect(await answer('{"a":"1"}\n\n{"exception":"none","b":2}\n')).toEqual([
      { a: '1' },
      { exception: 'none', b: 2 },
    ]);
  });

  it.each([
    '{"a":1}\n{"exception": "Code: 159. DB::Exception: Timeout exceeded"}\n',
    '{"a":1}\nCode: 159. DB::Exception: Timeout exceeded\n',
    '{"a":1}\n\r\n__exception__\r\nCode: 159. DB::Exception: Timeout exceeded\r\n',
  ])('takes no rows of a query that failed on the way: %j', async (text) => {
    expect(await answer(text)).toBe(
      `InputError: http://${host}: the server refuses the query: Code: 159. DB::Exception: Timeout exceeded`,
    );
  });

  it.each(['<!DOCTYPE html>\n<p>Welcome</p>', '<!DOCTYPE html>', '\n<!DOCTYPE html>\r\n'])(
    'says that something else answers: %j',
    async (text) => {
      expect(await answer(text)).toBe(
        `InputError: http://${host}: the server answers with something else than rows (<!DOCTYPE html>). Is this the HTTP port of a ClickHouse?`,
      );
    },
  );

  it('gives user and password as they are meant, and refuses what is no escape', async () => {
    await queryByHttp(`http://b%40b:s%25cret@${host}`)('SELECT 1').catch(String);
    expect(asked.at(-1)).toBe(basic('b@b:s%cret'));
    expect(() => queryByHttp(`http://b%ob:s3cret@${host}`)).toThrow(
      `http://${host}: the user or the password in the address has a "%" that begins no escape. Write it as %25.`,
    );
  });

  it('gives a user or a password of any characters, alone as well, and none where there is none', async () => {
    for (const [environment, given] of [
      [{ CLICKHOUSE_USER: 'bob', CLICKHOUSE_PASSWORD: 'пароль: pässword' }, basic('bob:пароль: pässword')],
      [{ CLICKHOUSE_USER: 'bób' }, basic('bób:')],
      [{ CLICKHOUSE_PASSWORD: 's3cret' }, basic('default:s3cret')],
      [{}, undefined],
    ] as const) {
      await queryByHttp(`http://${host}`, environment)('SELECT 1').catch(String);
      expect(asked.at(-1)).toBe(given);
    }
  });

  it('refuses a user with a colon, behind which a password would begin', () => {
    expect(() => queryByHttp(`http://b%3Ab:s3cret@${host}`)).toThrow(
      `http://${host}: the name of the user has a ":", which HTTP has no way to send. Use another user.`,
    );
  });

  it.each([
    ['http://elsewhere.example/?password=s3cret', ' to http://elsewhere.example,'],
    ['/play', ` to http://${host},`],
    ['http://[', ','],
  ])('does not go where a redirection leads: %s', async (location, where) => {
    const before = asked.length;
    headers.set('location', location);
    status = 307;
    expect(await answer('')).toBe(
      `InputError: http://${host}: the server redirects${where} where no password is sent on its word. Give the address of the ClickHouse itself.`,
    );
    expect(asked).toHaveLength(before + 1);
    headers.clear();
    status = 200;
  });

  it('says with which status a server refuses without a word', async () => {
    status = 404;
    expect(await answer(' ')).toBe(
      `InputError: http://${host}: the server refuses the query: status 404, without a word. Is this the HTTP port of a ClickHouse?`,
    );
    expect(await answer('Code: 60. No table')).toBe(
      `InputError: http://${host}: the server refuses the query: Code: 60. No table`,
    );
    status = 200;
  });
});

describe('turnkeeper check --clickhouse', () => {
  it.each(['', '{"a":1}'])('says that what answers %j is no ClickHouse', async (text) => {
    body = text;
    const { status: exit, stderr } = await turnkeeper('check', '--clickhouse', `http://${host}`);
    expect([exit, stderr]).toEqual([
      2,
      `turnkeeper: http://${host}: the server does not answer as a ClickHouse does: asked how many spans there are, it gives no number. Is this the HTTP port of a ClickHouse?\n`,
    ]);
  });

  it.each([
    ['localhost:8123', 'localhost:8123'],
    ['file:///etc/passwd', 'file:///etc/passwd'],
    ['http://bob:s3cret@localhost:99999', 'http://localhost:99999'],
    ['http://bob:s3/c?r#et@localhost:port', 'http://localhost:port'],
    ['bob:s3cret@localhost:8123', 'localhost:8123'],
    ['http://localhost:port/?user=bob&password=s3cret', 'http://localhost:port/'],
  ])('takes %s for no address, and shows no password', async (address, shown) => {
    expect(await turnkeeper('check', '--clickhouse', address)).toEqual({
      status: 2,
      stdout: '',
      stderr: `turnkeeper: ${shown}: this is no address of a ClickHouse server, such as http://localhost:8123.\n`,
    });
  });

  it('shows no password where the table is empty', async () => {
    body = '{"spans":"0"}';
    const { stderr } = await turnkeeper('check', '--clickhouse', `http://bob:s3cret@${host}/?password=s3cret`);
    expect(stderr).toMatch(/^turnkeeper: http:\/\/127\.0\.0\.1:\d+: there is not a single span in the table/u);
    expect(stderr).not.toContain('s3cret');
  });
});
