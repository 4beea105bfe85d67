import { once } from 'node:events';
import { createServer } from 'node:http';
import { text } from 'node:stream/consumers';
import type { Chdb } from './chdb.ts';

/** ClickHouse's HTTP interface before the engine in this process. */
export interface ChdbServer extends AsyncDisposable {
  /** `http://127.0.0.1:<port>` */
  readonly url: string;
}

/** The parameters of a request that are not settings of its query. */
const NO_SETTINGS: ReadonlySet<string> = new Set(['query', 'query_id', 'database', 'default_format', 'session_id']);

/**
 * Serves the engine on a free port of 127.0.0.1, as far as clients need it: statements and data by POST, settings and
 * the format as parameters, failures as the engine words them, with their codes.
 */
export async function serveChdb(run: Chdb['run']): Promise<ChdbServer> {
  const answer = (parameters: URLSearchParams, body: string): string => {
    // A statement as a parameter has its data in the body.
    const statement = [parameters.get('query') ?? '', body].filter((part) => part !== '').join('\n');
    for (const [name, value] of parameters) {
      if (!NO_SETTINGS.has(name) && /^\w+$/u.test(name)) run(`SET ${name} = '${value.replaceAll("'", "''")}'`);
    }
    return run(statement, parameters.get('default_format') ?? 'TabSeparated');
  };
  const server = createServer((request, response) => {
    const { pathname, searchParams } = new URL(request.url ?? '/', 'http://127.0.0.1');
    if (pathname === '/ping') {
      response.end('Ok.\n');
      return;
    }
    void text(request).then((body) => {
      try {
        response.end(answer(searchParams, body));
      } catch (error) {
        const words = (error instanceof Error ? error.message : String(error)).replace('Query failed: ', '');
        const [, code = '0'] = /^Code: (\d+)/u.exec(words) ?? [];
        response.writeHead(code === '60' ? 404 : 500, { 'x-clickhouse-exception-code': code }).end(`${words}\n`);
      }
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const bound = server.address();
  const port = typeof bound === 'object' && bound !== null ? bound.port : 0;
  return {
    url: `http://127.0.0.1:${port}`,
    async [Symbol.asyncDispose]() {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}
