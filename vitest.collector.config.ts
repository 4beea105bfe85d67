import { defineConfig } from 'vitest/config';

/** `pnpm test:collector`: apart from the other tests, because it builds a collector. */
export default defineConfig({
  test: { name: 'collector', include: ['test/collector/**/*.test.ts'], testTimeout: 120_000 },
});
