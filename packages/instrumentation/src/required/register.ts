/** The same as `--import @turnkeeper/instrumentation/register`, but what is required cannot wait. */
import { createRequire } from 'node:module';
import { extname } from 'node:path';
import { missingRequirement, warn, wordsOf } from '../requirements.ts';
import type * as Start from '../start.ts';

const load: NodeJS.Require = createRequire(import.meta.url);
const extension = extname(import.meta.filename);

if (missingRequirement() === undefined) {
  try {
    const { start }: typeof Start = load(`../start${extension}`);
    start();
  } catch (error) {
    warn(`nothing is exported: ${wordsOf(error)}`);
  }
}
load(`./hook${extension}`);
