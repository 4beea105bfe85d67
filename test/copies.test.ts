/** Two copies of the package in one process, as two versions in one tree of dependencies would be. */
import { cp, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import '@turnkeeper/check/vitest';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { receive, root, runNode } from './program.ts';

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'turnkeeper-test-'));
  const modules = join(folder, 'node_modules');
  await mkdir(modules);
  for (const name of ['@opentelemetry', '@earendil-works'])
    await symlink(join(root, 'node_modules', name), join(modules, name));
  for (const copy of ['one', 'other']) {
    const package_ = join(modules, '@turnkeeper', copy);
    await cp(join(root, 'packages/instrumentation/dist'), join(package_, 'dist'), { recursive: true });
    const manifest = await readFile(join(root, 'packages/instrumentation/package.json'), 'utf8');
    await writeFile(
      join(package_, 'package.json'),
      manifest.replace('@turnkeeper/instrumentation', `@turnkeeper/${copy}`),
    );
  }
  await symlink(join(root, 'packages/model-server'), join(modules, '@turnkeeper/model-server'));
  await cp(join(root, 'test/apps/two-copies.mjs'), join(folder, 'app.mjs'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const TREE = [
  'invoke_agent pi [session conv-42] run.start',
  '  chat test-model',
  'invoke_agent pi [session conv-42] run.start -> previous turn',
  '  chat test-model',
  'invoke_agent pi [session conv-42] run.start -> previous turn',
  '  chat test-model',
].join('\n');

test.each(['with a context manager', 'without a context manager'])('%s are as good as one', async (manager) => {
  await using received = await receive();
  const ended = await runNode(['app.mjs', manager], { cwd: folder, env: received.env });
  expect(ended).toEqual({ status: 0, stdout: 'conv-42 conv-42\n', stderr: '' });
  const capture = await received.capture();
  expect(capture.tree()).toBe(TREE);
  expect(capture).toPassChecks();
});
