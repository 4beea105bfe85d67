import { join } from 'node:path';
import '@turnkeeper/check/vitest';
import { describe, expect, test } from 'vitest';
import { receive, root, runNode } from './program.ts';

const app = join(root, 'test/apps/rivet-turns.ts');
const register = ['--import', '@turnkeeper/instrumentation/register'];
const done = "{ stopReason: 'end_turn' }\n";

describe('node --import @turnkeeper/instrumentation/register', () => {
  test('traces a client of the protocol', async () => {
    await using received = await receive();
    const client = join(root, 'test/apps/acp-turns.ts');
    const ended = await runNode([...register, client, 'conv-42', 'hello', '#tool'], { env: received.env });
    expect(ended).toEqual({ status: 0, stdout: done + done, stderr: '' });
    const capture = await received.capture();
    expect(capture).toPassChecks();
    expect(capture.tree()).toMatchInlineSnapshot(`
      "invoke_agent scripted [session conv-42] run.start
      invoke_agent scripted [session conv-42] run.start -> previous turn
        execute_tool execute"
    `);
  });

  test('traces Rivet over the SDK of the protocol once, though both are observed', async () => {
    await using received = await receive();
    const ended = await runNode([...register, app, 'cursor', 'conv-42', 'hello', '#tool'], { env: received.env });
    expect(ended).toEqual({ status: 0, stdout: done + done, stderr: '' });
    const capture = await received.capture();
    expect(capture).toPassChecks();
    expect(capture.tree()).toMatchInlineSnapshot(`
      "conversation [session conv-42]
        invoke_agent cursor run.start
        invoke_agent cursor run.start -> previous turn
          execute_tool execute"
    `);
  });

  test('traces the real Pi inside its own process too, in the same trace and session', async () => {
    await using received = await receive();
    const ended = await runNode([...register, app, 'pi', 'conv-42', 'hello', '#bash'], {
      env: {
        ...received.env,
        OTEL_SERVICE_NAME: 'test',
        RIVET_AGENT_IMPORT: import.meta.resolve('@turnkeeper/instrumentation/register'),
      },
    });
    expect(ended).toEqual({ status: 0, stdout: done + done, stderr: '' });
    const capture = await received.capture();
    expect(capture.tree()).toMatchInlineSnapshot(`
      "conversation [session conv-42]
        invoke_agent pi run.start
        invoke_agent pi run.start
          chat test-model
        invoke_agent pi run.start -> previous turn
          execute_tool execute
        invoke_agent pi run.start -> previous turn
          chat test-model
          execute_tool bash
          chat test-model"
    `);
    expect(capture).toPassChecks();
  });

  test('leaves Pi’s own spans alone where Rivet is told to stamp only: nothing is told twice', async () => {
    await using received = await receive();
    const ended = await runNode([...register, app, 'pi', 'conv-42', '#bash'], {
      env: {
        ...received.env,
        OTEL_SERVICE_NAME: 'test',
        TURNKEEPER_STAMP_ONLY: 'rivet',
        RIVET_AGENT_IMPORT: import.meta.resolve('@turnkeeper/instrumentation/register'),
      },
    });
    expect(ended).toEqual({ status: 0, stdout: done, stderr: '' });
    const capture = await received.capture();
    expect(capture.tree()).toMatchInlineSnapshot(`
      "conversation [session conv-42]
        invoke_agent pi run.start
          chat test-model
          execute_tool bash
          chat test-model"
    `);
    expect(capture).toPassChecks();
  });
});
