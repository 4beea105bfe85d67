/**
 * `node --import @turnkeeper/instrumentation/register app.js`: everything without a line of code. Installs the module
 * hook, and starts a NodeSDK by the OTEL_* variables, with the session on every span; TURNKEEPER_* set our options.
 */
import { missingRequirement, warn, wordsOf } from './requirements.ts';

if (missingRequirement() === undefined) {
  try {
    // Late: it needs packages that may be missing.
    (await import('./start.ts')).start();
  } catch (error) {
    warn(`nothing is exported: ${wordsOf(error)}`);
  }
}
// After the SDK: the hook would look at every one of its files. It says what is missing.
await import('./hook.ts');
