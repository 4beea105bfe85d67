import { join } from 'node:path';
import { expect, test } from 'vitest';
import { root, runNode } from './program.ts';

test('a soak of all engines, short, finds nothing', { timeout: 120_000 }, async () => {
  const hook = ['--expose-gc', '--import', '@turnkeeper/instrumentation/hook'];
  const ended = await runNode([...hook, join(root, 'test/soak.ts')], { env: { SOAK_SECONDS: '3' } });
  expect(ended).toMatchObject({ status: 0, stdout: expect.stringMatching(/^fine: /m) });
});
