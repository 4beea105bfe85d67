import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

const pathOf = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

/** What is waited for comes at once, but on a machine that has much else to do. Milliseconds. */
const patience = {
  setupFiles: [pathOf('test/rejections.ts')],
  testTimeout: 20_000,
  hookTimeout: 20_000,
  expect: { requireAssertions: true, poll: { timeout: 10_000 } },
};

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'packages',
          include: ['packages/*/src/**/*.test.ts'],
          exclude: ['**/adapters/_template/**', '**/*.pi-1.test.ts'],
          ...patience,
        },
      },
      {
        // The same tests of Pi on its newest version, and those of what it has since.
        resolve: {
          alias: {
            '@earendil-works/pi-coding-agent': pathOf('node_modules/pi-1-5/dist/bundle/index.js'),
            '@turnkeeper/model-server/pi': pathOf('packages/model-server/src/engines/pi.ts'),
          },
        },
        test: { name: 'pi 1', include: ['packages/instrumentation/src/adapters/pi/*.test.ts'], ...patience },
      },
      {
        test: {
          name: 'test',
          include: ['test/**/*.test.ts', 'examples/**/*.test.ts'],
          exclude: ['test/packed/**', 'test/collector/**'],
          ...patience,
          testTimeout: 60_000,
        },
      },
      {
        test: {
          name: 'packed',
          include: ['test/packed/**/*.test.ts'],
          globalSetup: ['test/packed/installation.ts'],
          maxConcurrency: 2,
          testTimeout: 120_000,
        },
      },
    ],
    coverage: { include: ['packages/*/src/**/*.ts'], exclude: ['**/*.test.ts', 'packages/model-server/**'] },
  },
});
