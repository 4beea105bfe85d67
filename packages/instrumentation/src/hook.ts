/**
 * `node --import @turnkeeper/instrumentation/hook`: lets instrumentations see engines that are ES modules, for a
 * program that sets up its SDK itself. Looks at the engines' packages only, so that start-up stays as it is.
 */
import { missingRequirement, warn, wordsOf } from './requirements.ts';

const missing = missingRequirement();
if (missing === undefined) {
  try {
    // Late: it needs packages that may be missing.
    (await import('./install-hook.ts')).installHook();
  } catch (error) {
    warn(`engines that are ES modules are not observed: ${wordsOf(error)}`);
  }
} else warn(`nothing is observed: ${missing}`);
