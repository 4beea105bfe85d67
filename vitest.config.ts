import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    projects: [
      { test: { name: 'packages', include: ['packages/*/src/**/*.test.ts'], exclude: ['**/adapters/_template/**'] } },
      {
        test: {
          name: 'test',
          include: ['test/**/*.test.ts', 'examples/**/*.test.ts'],
          exclude: ['test/packed/**', 'test/collector/**'],
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
