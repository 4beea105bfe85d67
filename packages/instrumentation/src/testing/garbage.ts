import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/** Collects garbage now. */
export const collectGarbage: () => void = ((): (() => void) => {
  setFlagsFromString('--expose-gc');
  return runInNewContext('gc');
})();
