/**
 * Whether the packages are fit to publish: publint, types as consumers resolve them, unused code and dependencies,
 * sizes. Runs every check, prints what each found, ends with 1 where one failed.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const packages = ['packages/instrumentation', 'packages/check'];
const tarballs = mkdtempSync(join(tmpdir(), 'turnkeeper-pack-'));
const failed: string[] = [];

function run(name: string, command: string, argv: readonly string[]): void {
  console.log(`── ${name}`);
  const { status } = spawnSync(command, argv, { stdio: 'inherit' });
  if (status !== 0) failed.push(name);
}

try {
  for (const folder of packages) {
    run(`publint ${folder}`, 'publint', [folder, '--strict', '--pack', 'pnpm']);
    run(`pack ${folder}`, 'pnpm', ['--dir', folder, 'pack', '--silent', '--pack-destination', tarballs]);
  }
  for (const tarball of readdirSync(tarballs)) {
    run(`attw ${tarball}`, 'attw', [join(tarballs, tarball), '--profile', 'esm-only', '--quiet']);
  }
  run('knip', 'knip', []);
  run('size-limit', 'size-limit', []);
} finally {
  rmSync(tarballs, { recursive: true, force: true });
}
if (failed.length > 0) {
  console.error(`failed: ${failed.join(', ')}`);
  process.exitCode = 1;
}
