import { once } from 'node:events';
import { createServer } from 'node:net';

/** How often other ports are tried. */
const ATTEMPTS = 5;

/**
 * Starts what cannot find ports itself on ports of 127.0.0.1 that were free a moment ago. Somebody may have taken one
 * since: where `start` gives nothing, it is tried on others. Throws after five attempts.
 */
export async function onFreePorts<Started>(
  count: number,
  start: (ports: readonly number[]) => Promise<Started | undefined>,
): Promise<Started> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
    const started = await start(await freePorts(count));
    if (started !== undefined) return started;
  }
  throw new Error(`It did not start on any of ${ATTEMPTS} free ports: run it by hand to see why.`);
}

/** Different ones: all are held until all are found. */
async function freePorts(count: number): Promise<readonly number[]> {
  const servers = await Promise.all(
    Array.from({ length: count }, async () => {
      const server = createServer().listen(0, '127.0.0.1');
      await once(server, 'listening');
      return server;
    }),
  );
  return Promise.all(
    servers.map(async (server) => {
      const address = server.address();
      server.close();
      await once(server, 'close');
      if (typeof address !== 'object' || address === null) throw new Error('The loopback interface gives no port.');
      return address.port;
    }),
  );
}
