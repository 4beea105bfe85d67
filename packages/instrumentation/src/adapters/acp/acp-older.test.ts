import '@turnkeeper/check/vitest';
import * as acp016 from 'acp-0-16';
import * as acp022 from 'acp-0-22';
import * as acp026 from 'acp-0-26';
import * as acp19 from 'acp-1-9';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { observe } from '../../observe.ts';
import { currentSession, withSession } from '../../session/active-session.ts';
import { startAgent } from '../../testing/acp.ts';
import { say } from '../../testing/rivet.ts';
import { startTracing, type Tracing } from '../../testing/tracing.ts';
import { acp } from './index.ts';

let tracing: Tracing;
beforeEach(() => {
  tracing = startTracing();
});
afterEach(() => tracing[Symbol.dispose]());

/** One that is not asked anything here, and does not listen. */
const client = {
  requestPermission: async () => ({ outcome: { outcome: 'cancelled' as const } }),
  sessionUpdate: async () => {},
};

describe('a client of the older API', () => {
  test.each([
    ['0.22', acp022.ClientSideConnection],
    ['0.26', acp026.ClientSideConnection],
    ['1.9', acp19.ClientSideConnection],
  ])('%s: turns, tools and permissions', async (_version, Connection) => {
    await using running = startAgent();
    const seen: (string | undefined)[] = [];
    const connection = new Connection(
      () => ({
        requestPermission: async () => {
          seen.push(currentSession()?.id);
          return { outcome: { outcome: 'selected' as const, optionId: 'yes' } };
        },
        sessionUpdate: async () => void seen.push(currentSession()?.id),
      }),
      running.stream,
    );
    observe(acp, connection);
    await connection.initialize({ protocolVersion: 1 });
    const { sessionId } = await connection.newSession({ cwd: '/', mcpServers: [] });
    for (const text of ['hello', '#tool #permission']) {
      await withSession('conv-42', () => connection.prompt({ sessionId, prompt: say(text) }));
    }
    const failing = withSession('conv-42', () => connection.prompt({ sessionId, prompt: say('#fail') }));
    await expect(failing).rejects.toMatchObject({ code: -32603 });
    expect(new Set(seen)).toEqual(new Set(['conv-42']));
    expect(tracing.capture).toPassChecks();
    expect(tracing.capture.tree()).toBe(
      [
        'invoke_agent scripted [session conv-42] run.start',
        'invoke_agent scripted [session conv-42] run.start -> previous turn',
        '  execute_tool execute',
        'invoke_agent scripted [session conv-42] run.start -> previous turn (error -32603)',
      ].join('\n'),
    );
  });

  test('0.22, whose connection throws once it is closed: the turn ends, and the caller gets what it throws', async () => {
    await using running = startAgent();
    const connection = new acp022.ClientSideConnection(() => client, running.stream);
    observe(acp, connection);
    await connection.initialize({ protocolVersion: 1 });
    const { sessionId } = await connection.newSession({ cwd: '/', mcpServers: [] });
    running.process.kill();
    await connection.closed;
    const late = withSession('conv-42', async () => connection.prompt({ sessionId, prompt: say('hello?') }));
    await expect(late).rejects.toThrow('closed');
    expect(tracing.capture.tree()).toBe('invoke_agent scripted [session conv-42] run.start (error connection_closed)');
  });

  test('0.16, which hides its connection: turns without tools, and their end when the agent dies', async () => {
    await using running = startAgent();
    const connection = new acp016.ClientSideConnection(() => client, running.stream);
    observe(acp, connection);
    await connection.initialize({ protocolVersion: 1 });
    const { sessionId } = await connection.newSession({ cwd: '/', mcpServers: [] });
    await withSession('conv-42', () => connection.prompt({ sessionId, prompt: say('#tool') }));
    void withSession('conv-42', () => connection.prompt({ sessionId, prompt: say('#die') }));
    await connection.closed;
    // This version never answers it.
    void withSession('conv-42', () => connection.prompt({ sessionId, prompt: say('is anybody there?') }));
    expect(tracing.capture.tree()).toMatchInlineSnapshot(`
      "invoke_agent scripted [session conv-42] run.start
      invoke_agent scripted [session conv-42] run.start -> previous turn (error connection_closed)
      invoke_agent scripted [session conv-42] run.start -> previous turn (error connection_closed)"
    `);
    expect(tracing.diagnostics).toEqual([expect.stringContaining('without their tools')]);
  });
});
