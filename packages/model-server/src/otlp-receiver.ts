import { once } from 'node:events';
import { appendFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { json } from 'node:stream/consumers';

/** A running receiver of OTLP over HTTP, in JSON. */
export interface OtlpReceiver extends AsyncDisposable {
  /** `http://127.0.0.1:<port>`: what OTEL_EXPORTER_OTLP_ENDPOINT takes. */
  readonly url: string;
  /** The bodies of the requests so far, oldest first. */
  readonly requests: readonly unknown[];
  /** Ends open connections and frees the port; what was received is in the file. */
  readonly close: () => Promise<void>;
}

/**
 * Starts a receiver on a free port of 127.0.0.1 that takes traces in OTLP JSON and writes each request as a line of
 * `file`, as the collector's file exporter does. The file is emptied first.
 */
export async function startOtlpReceiver(options: { readonly file: string }): Promise<OtlpReceiver> {
  const requests: unknown[] = [];
  await writeFile(options.file, '');
  let written = Promise.resolve();
  const http = createServer((incoming, response) => {
    json(incoming).then(
      (body) => {
        requests.push(body);
        written = written.then(() => appendFile(options.file, `${JSON.stringify(body)}\n`));
        response.writeHead(200, { 'content-type': 'application/json' }).end('{}');
      },
      () => response.writeHead(400, { 'content-type': 'text/plain' }).end('This receiver takes OTLP in JSON only.'),
    );
  });
  http.listen(0, '127.0.0.1');
  await once(http, 'listening');
  const address = http.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  const close = async (): Promise<void> => {
    if (http.listening) {
      const closed = once(http, 'close');
      http.close();
      http.closeAllConnections();
      await closed;
    }
    await written;
  };
  return { url: `http://127.0.0.1:${port}`, requests, close, [Symbol.asyncDispose]: close };
}
