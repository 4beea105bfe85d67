import { existsSync } from 'node:fs';
import { cp, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { root, runNode } from './program.ts';

/** A copy of the package where its dependencies still resolve. */
const copy = join(root, 'packages/instrumentation/.tmp/new-adapter');
const script = join(copy, 'scripts/new-adapter.ts');
const tool = (name: string, file: string): string => join(root, 'node_modules', name, file);

beforeAll(async () => {
  await rm(copy, { recursive: true, force: true });
  await mkdir(copy, { recursive: true });
  for (const part of ['src', 'scripts', 'package.json']) {
    await cp(join(root, 'packages/instrumentation', part), join(copy, part), { recursive: true });
  }
  const { compilerOptions } = JSON.parse(await readFile(join(root, 'tsconfig.json'), 'utf8'));
  await writeFile(
    join(copy, 'tsconfig.json'),
    JSON.stringify({
      extends: join(root, 'tsconfig.base.json'),
      compilerOptions: { ...compilerOptions, tsBuildInfoFile: './tsbuildinfo' },
      include: ['src/adapters/acme-agents', 'src/*.ts'],
    }),
  );
});
afterAll(() => rm(copy, { recursive: true, force: true }));

describe('pnpm new:adapter', () => {
  test('gives a folder that compiles, registered, with a contract test that says what to do next', async () => {
    const made = await runNode([script, 'acme-agents'], { cwd: copy });
    expect(made).toMatchObject({ status: 0, stderr: '' });
    expect(made.stdout).toContain('pnpm exec vitest run packages/instrumentation/src/adapters/acme-agents');
    const folder = join(copy, 'src/adapters/acme-agents');
    expect((await readdir(folder)).toSorted()).toEqual([
      'contract.test.ts',
      'index.ts',
      'native.ts',
      'patch.ts',
      'translate.ts',
    ]);

    const compiled = await runNode([tool('typescript', 'bin/tsc'), '-p', copy], { cwd: copy });
    expect(compiled.stdout).toBe('');
    expect(compiled.status).toBe(0);

    const tested = await runNode(
      [
        tool('vitest', 'vitest.mjs'),
        'run',
        '--root',
        copy,
        'src/adapters/acme-agents',
        '--reporter',
        'dot',
        '--no-color',
      ],
      { cwd: copy },
    );
    expect(tested.status).toBe(1);
    expect(tested.stdout + tested.stderr).toContain(
      'There is no recording of the scenario "turn" (one turn with one model call). Record it',
    );
    expect(tested.stdout + tested.stderr).toContain('Open the real engine here, offline');
  });

  test.each(['', 'Acme', 'acme_agents', '../acme'])('refuses the name %j, and says what a name is', async (name) => {
    const made = await runNode([script, name], { cwd: copy });
    expect(made.status).toBe(2);
    expect(made.stderr).toContain('in lower case, words joined by hyphens');
  });

  test.each([
    ['hook', 'has a door @turnkeeper/instrumentation/hook already'],
    ['adapter', 'has a door @turnkeeper/instrumentation/adapter already'],
    ['class', 'a constant class, which its code cannot declare'],
    ['await', 'a constant await, which its code cannot declare'],
    ['start', 'a constant start, which its code cannot declare'],
  ])('refuses the name %s in one line', async (name, why) => {
    const made = await runNode([script, name], { cwd: copy });
    expect(made).toMatchObject({ status: 2, stdout: '' });
    expect(made.stderr).toMatch(/^.*: give .* another name\.\n$/);
    expect(made.stderr).toContain(why);
    expect(existsSync(join(copy, 'src/adapters', name))).toBe(false);
  });

  test('does not touch an adapter that is there', async () => {
    const made = await runNode([script, 'pi'], { cwd: copy });
    expect(made.status).toBe(2);
    expect(made.stderr).toContain('There is an adapter of pi already');
  });
});

describe('pnpm record', () => {
  const record = join(copy, 'scripts/record.ts');

  test('hears of Pi what its recordings hold', async () => {
    // How often Pi is heard to go on is a matter of time.
    const heard = async (): Promise<unknown> =>
      (await readFile(join(copy, 'src/adapters/pi/recordings/tool.jsonl'), 'utf8'))
        .match(/"native":\{"kind":"[^"]+/g)
        ?.filter((native) => !native.endsWith('progress'));
    const before = await heard();
    expect(await runNode([record, 'pi'], { cwd: copy })).toMatchObject({ status: 0, stderr: '' });
    expect(await heard()).toEqual(before);
  });

  test('says in one line what to do for an engine without a script', async () => {
    const ended = await runNode([record, 'acme-agents'], { cwd: copy });
    expect(ended).toMatchObject({ status: 2, stdout: '' });
    expect(ended.stderr).toMatch(/^There is no script that records acme-agents; there are acp, .* Write one in .*\n$/);
  });
});
