import { join } from 'node:path';
import '@turnkeeper/check/vitest';
import { describe, expect, test } from 'vitest';
import { receive, root, runNode } from './program.ts';

const register = ['--import', '@turnkeeper/instrumentation/register'];
const modules = join(root, 'test/apps/openai-agents-turns.ts');
const common = join(root, 'test/apps/openai-agents-turns.cjs');

describe('OpenAI Agents in a program of its own', () => {
  // The SDK turns its tracing off under NODE_ENV=test, and we do not depend on it.
  test.each(['test', 'production'])('as ES modules is met by the hook, with NODE_ENV=%s', async (NODE_ENV) => {
    await using received = await receive();
    const ended = await runNode([...register, modules, 'conv-42', 'hello', '#lookup', 'thanks'], {
      env: { ...received.env, NODE_ENV },
    });
    expect(ended).toEqual({ status: 0, stdout: 'hello\n', stderr: '' });
    const capture = await received.capture();
    expect(capture).toHaveSession('conv-42', { turns: 3 });
    expect(capture).toPassChecks();
    expect(capture.tree()).toMatchInlineSnapshot(`
      "invoke_agent Guide [session conv-42] run.start
        session getItems
        chat test-model
        session addItems
      invoke_agent Guide [session conv-42] run.start -> previous turn
        session getItems
        chat test-model
        execute_tool lookup
        chat test-model
        session addItems
      invoke_agent Guide [session conv-42] run.start -> previous turn
        session getItems
        chat test-model
        session addItems"
    `);
  });

  // With its tracing on and no key, the SDK says once that its exporter skips.
  test.each(['test', 'production'])('as CommonJS is met by the hook, with NODE_ENV=%s', async (NODE_ENV) => {
    await using received = await receive();
    const ended = await runNode([...register, common, 'conv-42', 'hello', 'thanks'], {
      env: { ...received.env, NODE_ENV, OPENAI_API_KEY: undefined },
    });
    expect(ended).toMatchObject({ status: 0, stdout: 'echo: thanks\n' });
    const capture = await received.capture();
    expect(capture).toHaveSession('conv-42', { turns: 2 });
    expect(capture).toPassChecks();
    expect(capture.tree()).toMatchInlineSnapshot(`
      "invoke_agent Guide [session conv-42] run.start
        session getItems
        chat
        session addItems
      invoke_agent Guide [session conv-42] run.start -> previous turn
        session getItems
        chat
        session addItems"
    `);
  });
});
