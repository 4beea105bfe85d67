import { once } from 'node:events';
import { createServer } from 'node:net';
import { expect, test } from 'vitest';
import { onFreePorts } from './free-ports.ts';

test('gives as many ports as are asked for, different ones, that nobody listens on', async () => {
  const ports = await onFreePorts(3, async (given) => given);
  expect(new Set(ports).size).toBe(3);
  for (const port of ports) {
    const server = createServer().listen(port, '127.0.0.1');
    await once(server, 'listening');
    server.close();
  }
});

test('where a port is taken before it is used, another is tried', async () => {
  const tried: number[] = [];
  await using taken = createServer();
  const used = await onFreePorts(1, async ([port = 0]) => {
    tried.push(port);
    if (tried.length > 1) return port;
    taken.listen(port, '127.0.0.1');
    await once(taken, 'listening');
    return undefined;
  });
  expect(tried).toHaveLength(2);
  expect(used).toBe(tried[1]);
  expect(used).not.toBe(tried[0]);
});

test('says that nothing starts on any port, after five', async () => {
  let attempts = 0;
  const never = async (): Promise<undefined> => void (attempts += 1);
  await expect(onFreePorts(1, never)).rejects.toThrow('It did not start on any of 5 free ports');
  expect(attempts).toBe(5);
});
