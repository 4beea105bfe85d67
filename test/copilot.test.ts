import { join } from 'node:path';
import '@turnkeeper/check/vitest';
import { expect, test } from 'vitest';
import { receive, root, runNode } from './program.ts';

const hook = ['--import', '@turnkeeper/instrumentation/hook', '--import', join(root, 'examples/copilot/telemetry.ts')];
const said =
  'conv-42  Hello → I hear you.\n' +
  'conv-42  How is the weather in Oslo? → It says: Rain, 8 °C\n' +
  'conv-42  Thank you → I hear you.\n';

test('the example of Copilot puts three turns and a tool on the platform’s id, and its file passes the check', async () => {
  await using received = await receive();
  const ended = await runNode([...hook, join(root, 'examples/copilot/conversation.ts')], { env: received.env });
  expect(ended).toEqual({ status: 0, stdout: said, stderr: '' });
  const capture = await received.capture();
  expect(capture).toHaveSession('conv-42', { turns: 3 });
  expect(capture).toPassChecks();
  expect(capture.tree()).toMatchInlineSnapshot(`
    "invoke_agent copilot [session conv-42] run.start
      chat test-model
    invoke_agent copilot [session conv-42] run.start -> previous turn
      chat test-model
      execute_tool weather
      chat test-model
    invoke_agent copilot [session conv-42] run.start -> previous turn
      chat test-model"
  `);
});

test.each(['import', 'require'])('Copilot is met without a line of code where it comes by %s', async (kind) => {
  await using received = await receive();
  const register = ['--import', '@turnkeeper/instrumentation/register', join(root, 'test/apps/copilot-turns.ts')];
  const ended = await runNode([...register, 'conv-42', kind], { env: received.env });
  expect(ended).toEqual({ status: 0, stdout: 'echo: hello\n', stderr: '' });
  const capture = await received.capture();
  expect(capture).toHaveSession('conv-42', { turns: 2 });
  expect(capture).toPassChecks();
});
