import { join } from 'node:path';
import '@turnkeeper/check/vitest';
import { expect, test } from 'vitest';
import { receive, root, runNode } from './program.ts';

const hook = ['--import', '@turnkeeper/instrumentation/hook', '--import'];

test('the example of Flame puts each task on its session’s id, and its file passes the check', async () => {
  await using received = await receive();
  const telemetry = join(root, 'examples/flame/telemetry.ts');
  const ended = await runNode([...hook, telemetry, join(root, 'examples/flame/batch.ts')], {
    env: { ...received.env, FLAME_ENDPOINT: undefined, FLAME_APPLICATION: undefined },
  });
  expect(ended).toMatchObject({ status: 0, stderr: '' });
  const capture = await received.capture();
  expect(capture).toHaveSession('batch-001', { turns: 3 });
  expect(capture).toPassChecks();
  expect(ended.stdout.replace(/-\w{6} /, '-…… ')).toBe(
    'batch-001  something green → How about 15 pears?\n' +
      'batch-001  something sweet → How about 15 pears?\n' +
      'batch-001  the impossible → Failed: There is nothing of that kind.\n' +
      'recommender-……  anything → How about 8 pears?\n',
  );
  expect(capture.tree().replace(/-\w{6}\]/, '-……]')).toMatchInlineSnapshot(`
    "invoke_agent recommender [session batch-001] run.start
      SELECT item
    invoke_agent recommender [session batch-001] run.start -> previous turn
      SELECT item
    invoke_agent recommender [session batch-001] run.start -> previous turn (error task_failed)
    invoke_agent recommender [session recommender-……] run.start
      SELECT item"
  `);
});
