import { join } from 'node:path';
import { SessionContext, attachSession, sessionContext } from '@turnkeeper/instrumentation';
import { startFlame, type RunningFlame } from '@turnkeeper/model-server/flame';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { connect, openSession, TaskError, type Frontend } from './client.ts';

// With FLAME_ENDPOINT, the same against a real Flame; FLAME_APPLICATION is one of its applications.
const real = process.env['FLAME_ENDPOINT'];
const application = process.env['FLAME_APPLICATION'] ?? 'echo';
const unique = `conv-${process.pid}-${Date.now()}`;

describe('the thin client', () => {
  let server: RunningFlame;
  let frontend: Frontend;
  beforeAll(async () => {
    const proto = join(import.meta.dirname, 'flame.proto');
    server = await startFlame({
      proto,
      applications: {
        [application]: ({ input }) => {
          if (input === '#fail') throw new Error('no such thing');
          return `echo: ${input}`;
        },
      },
    });
    frontend = connect(real ?? server.endpoint);
  });
  afterAll(async () => {
    frontend.close();
    await server[Symbol.asyncDispose]();
  });

  test('takes the session’s id from the option, else the execution object’s context, else makes one', async () => {
    class Work {
      static readonly [sessionContext] = new SessionContext({ sessionId: `${unique}-1`, applicationName: application });
      readonly title = 'work';
    }
    class MoreWork extends Work {}
    const work = attachSession(() => {}, Work[sessionContext]);
    for (const target of [Work, new Work(), MoreWork, new MoreWork(), work]) {
      expect((await openSession(frontend, target)).id).toBe(`${unique}-1`);
    }
    expect((await openSession(frontend, Work, { id: `${unique}-2` })).id).toBe(`${unique}-2`);
    const made = await openSession(frontend, () => {}, { application });
    expect(made.id).toMatch(new RegExp(`^${application}-[a-z0-9]{6}$`));
    await expect(openSession(frontend, {})).rejects.toThrow('Name the application');
  });

  test('gets a session that is there, and cannot get one that is not, or of another application', async () => {
    const first = await openSession(frontend, {}, { application, id: `${unique}-3` });
    const second = await openSession(frontend, {}, { application, id: `${unique}-3` });
    expect(second.id).toBe(first.id);
    await expect(openSession(frontend, {}, { application: 'no-such', id: `${unique}-4` })).rejects.toMatchObject({
      code: expect.any(Number),
    });
    const missing = new Promise((resolve) => {
      frontend.OpenSession({ session_id: `${unique}-5` }, (error) => resolve(error?.code));
    });
    expect(await missing).toBe(5);
  });

  test('runs tasks one after another until they are over', async () => {
    await using session = await openSession(frontend, {}, { application, id: `${unique}-6` });
    const states: string[] = [];
    const output = await session.run('hello', (state) => states.push(state));
    expect(states.at(-1)).toBe('Succeed');
    expect(output).toContain(real ? '' : 'echo: hello');
  });

  test.skipIf(real)('tells a task that fails from one that is not accepted', async () => {
    const session = await openSession(frontend, {}, { application, id: `${unique}-7` });
    await expect(session.run('#fail')).rejects.toThrow(new TaskError('Failed', 'no such thing'));
    await session[Symbol.asyncDispose]();
    await expect(session.run('hello')).rejects.toMatchObject({ code: 3 });
  });
});
