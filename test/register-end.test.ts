/** How programs end that `register` was loaded into: as without it, and with everything exported. */
import { readFile } from 'node:fs/promises';
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

  test('exports all where register is both required and imported', async () => {
    await using received = await receive();
    const env = { ...received.env, NODE_OPTIONS: '--require @turnkeeper/instrumentation/register' };
    const ended = await run({ ...received, env }, `await turn(1); setInterval(() => {}, 1000); kill('${signal}');`);
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

  test('that stops a turn, and not the program, costs the next turns nothing', async () => {
    await using received = await receive();
    const ended = await run(
      received,
      `let stop;
      process.on('${signal}', () => stop.abort());
      for (const text of ['one', 'two', 'three']) {
        stop = new AbortController();
        if (text !== 'three') setTimeout(() => kill('${signal}'), 50);
        await turn(200, stop).catch(() => console.log('stopped', text));
      }`,
    );
    expect(ended).toEqual({ status: 0, stdout: 'stopped one\nstopped two\n', stderr: '' });
    expect(await received.capture()).toHaveSession('conv-42', { turns: 3 });
  });

  test('is nobody’s but a listener’s that ends the program where no other listens, as OpenAI Agents’ does', async () => {
    await using received = await receive();
    const ended = await run(
      received,
      `process.on('${signal}', async () => {
        await sleep(500);
        if (process.listenerCount('${signal}') === 1) process.exit(3);
      });
      await turn(1);
      setInterval(() => {}, 1000);
      kill('${signal}');`,
    );
    expect(ended).toEqual({ status: 3, stdout: '', stderr: '' });
    expect(await received.capture()).toHaveSession('conv-42', { turns: 1 });
  });

  test('that others handle also exports measurements, before a host that is done ends the process', async () => {
    await using received = await receive();
    const source = `process.once('${signal}', async () => { await sleep(500); process.exit(0); });
      await turn(1);
      setInterval(() => {}, 1000);
      kill('${signal}');`;
    const ended = await run({ ...received, env: { ...received.env, OTEL_METRICS_EXPORTER: 'otlp' } }, source);
    expect(ended.status).toBe(0);
    expect(await readFile(received.file, 'utf8')).toContain('"turnkeeper.session.resolved"');
  });
});

describe('a turn that is at work at the end', () => {
  const open = `
    import { trace } from '@opentelemetry/api';
    const query = traceService(() => {
      trace.getTracer('database').startSpan('SELECT').end();
      return new Promise(() => {});
    }, { name: 'reader' });
    void withSession('conv-42', () => query());`;

  test.each([
    ['of the program', ''],
    ['of a signal', "setInterval(() => {}, 1000); setTimeout(() => kill('SIGTERM'), 50);"],
  ])('%s is closed as abandoned, so that nothing of it is an orphan', async (_end, more) => {
    await using received = await receive();
    expect(await run(received, open + more)).toMatchObject({ stdout: '', stderr: '' });
    const capture = await received.capture();
    expect(capture.tree()).toMatchInlineSnapshot(`
      "invoke_agent reader [session conv-42] run.start (error abandoned)
        SELECT"
    `);
    expect(capture).toHaveSession('conv-42', { turns: 1 });
  });
});

describe('a program that has nothing left to do', () => {
  test('may begin turns then, more than once', async () => {
    await using received = await receive();
    const ended = await run(
      received,
      `let left = 2;
      process.on('beforeExit', () => { if (left-- > 0) void turn(50); });
      await turn(1);`,
    );
    expect(ended).toEqual({ status: 0, stdout: '', stderr: '' });
    expect(await received.capture()).toHaveSession('conv-42', { turns: 3 });
  });

  test('finishes turns that a signal found at work', async () => {
    await using received = await receive();
    const ended = await run(
      received,
      `process.on('SIGTERM', () => {});
      const open = turn(400);
      setTimeout(() => kill('SIGTERM'), 50);
      await open;`,
    );
    expect(ended).toEqual({ status: 0, stdout: '', stderr: '' });
    expect(await received.capture()).toHaveSession('conv-42', { turns: 1 });
  });
});
