import { once } from 'node:events';
import { createServer } from 'node:http';
import { afterAll, describe, expect, it } from 'vitest';
import { turnkeeper } from '../../testing/command.ts';
import { queryByHttp } from './http.ts';

let body = '';
const asked: unknown[] = [];
const server = createServer((request, response) => {
  asked.push([request.headers['x-clickhouse-user'], request.headers['x-clickhouse-key']]);
  response.end(body);
}).listen(0, '127.0.0.1');
await once(server, 'listening');
afterAll(() => server.close());
const bound = server.address();
const host = `127.0.0.1:${typeof bound === 'object' ? bound?.port : ''}`;

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
    expect(asked.at(-1)).toEqual(['b@b', 's%cret']);
    expect(() => queryByHttp(`http://b%ob:s3cret@${host}`)).toThrow(
      `http://${host}: the user or the password in the address has a "%" that begins no escape. Write it as %25.`,
    );
  });
});

describe('turnkeeper check --clickhouse', () => {
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
    body = '';
    const { stderr } = await turnkeeper('check', '--clickhouse', `http://bob:s3cret@${host}/?password=s3cret`);
    expect(stderr).toMatch(/^turnkeeper: http:\/\/127\.0\.0\.1:\d+: there is not a single span in the table/u);
    expect(stderr).not.toContain('s3cret');
  });
});
