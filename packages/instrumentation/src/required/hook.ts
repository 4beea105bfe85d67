/** The same as `--import @turnkeeper/instrumentation/hook`, but what is required cannot wait. */
import { createRequire } from 'node:module';
import { extname } from 'node:path';
import type * as InstallHook from '../install-hook.ts';
import { missingRequirement, warn, wordsOf } from '../requirements.ts';

const missing = missingRequirement();
if (missing === undefined) {
  try {
    const { installHook }: typeof InstallHook = createRequire(import.meta.url)(
      `../install-hook${extname(import.meta.filename)}`,
    );
    installHook();
  } catch (error) {
    warn(`engines that are ES modules are not observed: ${wordsOf(error)}`);
  }
} else warn(`nothing is observed: ${missing}`);
