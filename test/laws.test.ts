/** Laws of the whole repository that no single package can see. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { ENGINE_NAMES } from '@turnkeeper/instrumentation';
import { describe, expect, test } from 'vitest';
import { root } from './program.ts';

interface PackageJson {
  readonly exports: Readonly<Record<string, string>>;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly peerDependencies: Readonly<Record<string, string>>;
  readonly peerDependenciesMeta: Readonly<Record<string, { readonly optional: boolean }>>;
}

const read = (path: string): string => readFileSync(join(root, path), 'utf8');
const instrumentation: PackageJson = JSON.parse(read('packages/instrumentation/package.json'));
const checker: PackageJson = JSON.parse(read('packages/check/package.json'));
const adapters = join(root, 'packages/instrumentation/src/adapters');
const folders = readdirSync(adapters, { withFileTypes: true })
  .filter((entry) => entry.isDirectory() && !entry.name.startsWith('_'))
  .map(({ name }) => name)
  .toSorted();

describe('adapters', () => {
  test('are the folders, the names that `engines` takes, and the subpaths of the package', () => {
    expect([...ENGINE_NAMES].toSorted()).toEqual(folders);
    for (const name of folders) expect(instrumentation.exports[`./${name}`]).toBe(`./dist/adapters/${name}/index.js`);
  });

  test.each(folders)('%s has the same files as every other', (name) => {
    expect(readdirSync(join(adapters, name))).toEqual(
      expect.arrayContaining(['index.ts', 'native.ts', 'patch.ts', 'translate.ts']),
    );
  });
});

describe('packages', () => {
  const required = Object.keys(instrumentation.peerDependencies).filter(
    (name) => !instrumentation.peerDependenciesMeta[name]?.optional,
  );

  test('the instrumentation depends on nothing, and every engine is an optional peer', () => {
    expect(instrumentation.dependencies).toBeUndefined();
    expect(required.toSorted()).toEqual(['@opentelemetry/api', '@opentelemetry/instrumentation']);
  });

  // Yarn gives a package no peer that whoever depends on it does not hand on.
  test.each(required)('the checker hands %s on to the instrumentation', (name) => {
    expect(checker.peerDependencies[name]).toBe(instrumentation.peerDependencies[name]);
    expect(checker.peerDependenciesMeta[name]).toEqual({ optional: true });
  });

  test.each(['instrumentation', 'check'])('the public names of %s are what they are on purpose', async (name) => {
    const { exports }: PackageJson = JSON.parse(read(`packages/${name}/package.json`));
    const doors: Record<string, string[]> = {};
    for (const [door, target] of Object.entries(exports)) {
      // The first two act when they are imported, and export nothing.
      if (['./register', './hook', './semconv', './package.json'].includes(door)) continue;
      doors[door] = Object.keys(await import(join(root, 'packages', name, target))).toSorted();
    }
    await expect(doors).toMatchFileSnapshot(`public-names/${name}.json.snap`);
  });
});

describe('documents', () => {
  const documents = [
    'README.md',
    'CONTRIBUTING.md',
    'SECURITY.md',
    'examples/collector/README.md',
    'packages/check/README.md',
    ...readdirSync(join(root, 'docs'), { recursive: true, encoding: 'utf8' }).map((name) => `docs/${name}`),
  ].filter((name) => name.endsWith('.md'));

  test.each(documents)('%s shows snippets as they are compiled, and its links lead somewhere', (name) => {
    const text = read(name);
    for (const [, path = '', snippet = ''] of text.matchAll(/<!-- snippet: (\S+) -->\n```ts\n([\s\S]*?)```/g)) {
      expect(snippet).toBe(read(path));
    }
    const targets = Array.from(text.matchAll(/\]\((?!https?:)([^)#]+)[^)]*\)/g), ([, target = '']) => target);
    expect(targets.filter((target) => !existsSync(join(root, dirname(name), target)))).toEqual([]);
  });
});
