import { createRequire, register } from 'node:module';
import { pathToFileURL } from 'node:url';
import { engineBundles, enginePackages } from './instrumentation.ts';
import { HOOK } from './module-files.ts';

/** What import-in-the-middle 3.3 and later has; older copies have the asynchronous hook only. */
interface SynchronousHook {
  supportsSyncHooks(): boolean;
  register(options: { readonly include: readonly (string | RegExp)[] }): void;
}

/** Installs the module hook. At once: what `--require` names cannot wait. @throws where there is none. */
export function installHook(): void {
  Reflect.set(globalThis, HOOK, true);
  const include = [...enginePackages(), ...engineBundles()];
  // The very copy that @opentelemetry/instrumentation listens to.
  const require = createRequire(createRequire(import.meta.url).resolve('@opentelemetry/instrumentation'));
  const synchronous = loadSynchronous(require);
  if (synchronous?.supportsSyncHooks()) synchronous.register({ include });
  else register(pathToFileURL(require.resolve('import-in-the-middle/hook.mjs')), { data: { include } });
}

function loadSynchronous(require: NodeJS.Require): SynchronousHook | undefined {
  let path: string;
  try {
    path = require.resolve('import-in-the-middle/register-hooks.mjs');
  } catch {
    return undefined;
  }
  const loaded: unknown = require(path);
  return isSynchronousHook(loaded) ? loaded : undefined;
}

function isSynchronousHook(value: unknown): value is SynchronousHook {
  return typeof value === 'object' && value !== null && 'supportsSyncHooks' in value && 'register' in value;
}
