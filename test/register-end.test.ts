/** How programs end that `register` was loaded into: as without it, and with everything exported. */
import '@turnkeeper/check/vitest';
import { describe, expect, test } from 'vitest';
import { receive, runNode, type Ended, type Received } from './program.ts';

/** Runs this module under `register`; `turn(milliseconds)` in it is a turn of the conversation conv-42. */
function run(received: Received, source: string): Promise<Ended> {
  const register = ['--import', '@turnkeeper/instrumentation/register', '--input-type=module'];
  return runNode([...register, '--eval', `${PRELUDE}${source}`], { env: received.env });
}

const PRELUDE = `
  import { setTimeout as sleep } from 'node:timers/promises';
  import { traceService, withSession } from '@turnkeeper/instrumentation';
  const greet = traceService((milliseconds, options) => sleep(milliseconds, undefined, options), { name: 'greeter' });
  const turn = (...args) => withSession('conv-42', () => greet(...args));
  const kill = (signal) => process.kill(process.pid, signal);
`;

describe.each(['SIGTERM', 'SIGINT'])('%s', (signal) => {
  test('that nobody handles ends the process, when all is exported', async () => {
    await using received = await receive();
    const ended = await run(received, `await turn(1); setInterval(() => {}, 1000); kill('${signal}');`);
    expect(ended).toEqual({ status: null, stdout: '', stderr: '' });
    expect(await received.capture()).toHaveSession('conv-42', { turns: 1 });
  });

  test('leaves a host that listens for it once its time to end by itself', async () => {
    await using received = await receive();
    const ended = await run(
      received,
      `process.once('${signal}', async () => {
        await sleep(500);
        console.log('all is finished');
        process.exit(3);
      });
      await turn(1);
      setInterval(() => {}, 1000);
      kill('${signal}');`,
    );
    expect(ended).toEqual({ status: 3, stdout: 'all is finished\n', stderr: '' });
    expect(await received.capture()).toHaveSession('conv-42', { turns: 1 });
  });
});
