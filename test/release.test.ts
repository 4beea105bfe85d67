import { execFileSync } from 'node:child_process';
import { cp, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, delimiter, join } from 'node:path';
import { expect, test } from 'vitest';
import { root } from './program.ts';

const packages = ['instrumentation', 'check'];

test('a change of one package releases both, with one version, changelogs, and that version on the spans', async () => {
  const copy = await mkdtemp(join(tmpdir(), 'turnkeeper-test-'));
  try {
    const names = [
      '.changeset/config.json',
      'package.json',
      'pnpm-workspace.yaml',
      'packages/model-server/package.json',
    ];
    for (const name of packages) names.push(`packages/${name}/package.json`);
    names.push('packages/instrumentation/src/version.ts', 'packages/instrumentation/scripts/write-version.ts');
    for (const name of names) await cp(join(root, name), join(copy, name), { recursive: true });
    await writeFile(join(copy, '.changeset/one.md'), "---\n'@turnkeeper/check': minor\n---\n\nA rule more.\n");
    await symlink(join(root, 'node_modules'), join(copy, 'node_modules'));
    const run = (command: string, ...argv: string[]): void => {
      const PATH = [dirname(process.execPath), join(root, 'node_modules/.bin'), process.env['PATH']].join(delimiter);
      execFileSync(command, argv, { cwd: copy, env: { ...process.env, PATH }, stdio: 'pipe' });
    };
    run('git', 'init', '--quiet', '--initial-branch=main');
    run('git', 'add', '.');
    run('git', '-c', 'user.name=test', '-c', 'user.email=test@localhost', 'commit', '--quiet', '--message=all');
    const read = async (name: string): Promise<string> => readFile(join(copy, name), 'utf8');
    const versionOf = async (name: string): Promise<unknown> =>
      JSON.parse(await read(`packages/${name}/package.json`)).version;
    const before = await versionOf('instrumentation');
    run('changeset', 'version');
    run(process.execPath, 'packages/instrumentation/scripts/write-version.ts');

    const version = await versionOf('instrumentation');
    expect(version).not.toBe(before);
    expect(await versionOf('check')).toBe(version);
    expect(await read('packages/instrumentation/src/version.ts')).toContain(`VERSION = '${String(version)}'`);
    for (const name of packages) expect(await read(`packages/${name}/CHANGELOG.md`)).toContain(`## ${String(version)}`);
    expect(await versionOf('model-server')).toBe('0.0.0');
  } finally {
    await rm(copy, { recursive: true, force: true });
  }
});
