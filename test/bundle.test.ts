import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build } from 'esbuild';
import { expect, test } from 'vitest';
import webpack, { type Stats } from 'webpack';
import { root, runNode } from './program.ts';

const TREE = [
  'invoke_agent Guide [session conv-42] run.start',
  '  chat test-model',
  'invoke_agent Guide [session conv-42] run.start -> previous turn',
  '  chat test-model',
];

test.each(['esm', 'cjs'] as const)('bundled by esbuild (%s) and minified, observing by hand works', async (format) => {
  const folder = await mkdtemp(join(tmpdir(), 'turnkeeper-test-'));
  try {
    const outfile = join(folder, `app.${format === 'esm' ? 'mjs' : 'cjs'}`);
    const built = await build({
      entryPoints: [join(root, 'test/apps/bundled.ts')],
      outfile,
      format,
      platform: 'node',
      target: 'node22',
      bundle: true,
      minify: true,
      // What CommonJS in an ES module asks for.
      banner:
        format === 'esm' ? { js: "import{createRequire as r}from'node:module';const require=r(import.meta.url);" } : {},
      logLevel: 'silent',
    });
    expect(built.errors).toEqual([]);
    const ended = await runNode([outfile], { cwd: folder });
    expect(ended).toEqual({ status: 0, stdout: [...TREE, 'conv-42 1, conv-42 2', ''].join('\n'), stderr: '' });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});

test('bundled by webpack, it needs no more than its own files, and nothing is complained of', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'turnkeeper-test-'));
  try {
    const compiler = webpack({
      mode: 'production',
      target: 'node22',
      context: root,
      entry: join(root, 'packages/instrumentation/dist/index.js'),
      externals: [/^@opentelemetry\//],
      output: { path: folder, library: { type: 'commonjs2' } },
    });
    const stats = await new Promise<Stats | undefined>((resolve, reject) => {
      compiler?.run((error, done) => (error ? reject(error) : resolve(done)));
    });
    await new Promise((resolve) => compiler?.close(resolve));
    expect(stats?.toJson({ all: false, errors: true, warnings: true })).toMatchObject({ errors: [], warnings: [] });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
