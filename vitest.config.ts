import { defineConfig } from 'vitest/config';

/** What is waited for comes at once, but on a machine that has much else to do. Milliseconds. */
const patience = { testTimeout: 20_000, hookTimeout: 20_000, expect: { poll: { timeout: 10_000 } } };

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'packages',
          include: ['packages/*/src/**/*.test.ts'],
          exclude: ['**/adapters/_template/**'],
          ...patience,
        },
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
