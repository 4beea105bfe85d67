import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

const bin = fileURLToPath(new URL('../bin/turnkeeper.js', import.meta.url));

it.each([
  ['22.14.9', 2, 'turnkeeper: Node 22.14.9 is too old: use Node 22.15 or later.\n'],
  ['20.20.2', 2, 'turnkeeper: Node 20.20.2 is too old: use Node 22.15 or later.\n'],
  ['22.15.0', 0, ''],
  ['30.0.0', 0, ''],
])('the command looks at the version %s of Node before it needs anything of it', (version, status, stderr) => {
  const pretend = `Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '${version}' } })`;
  const argv = ['--import', `data:text/javascript,${encodeURIComponent(pretend)}`, bin, '--version'];
  expect(spawnSync(process.execPath, argv, { encoding: 'utf8' })).toMatchObject({ status, stderr });
});
