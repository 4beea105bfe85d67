/** Before each test: lets no engine keep from the test runner what would end a program. */
import { beforeEach } from 'vitest';

const before = process.listeners('unhandledRejection');

// OpenAI Agents listens for rejections that nobody handles: the runner then takes all of them for handled.
beforeEach(() => {
  for (const listener of process.listeners('unhandledRejection')) {
    if (!before.includes(listener)) process.off('unhandledRejection', listener);
  }
});
