/**
 * `node --import @turnkeeper/instrumentation/hook`: lets instrumentations see engines that are ES modules, for a
 * program that sets up its SDK itself. Looks at the engines' packages only, so that start-up stays as it is.
 */
import { createRequire, register } from 'node:module';
import { pathToFileURL } from 'node:url';
import { missingRequirement, warn } from './requirements.ts';

/** What import-in-the-middle 3.3 and later has; older copies have the asynchronous hook only. */
interface SynchronousHook {
  supportsSyncHooks(): boolean;
  register(options: { readonly include: readonly (string | RegExp)[] }): void;
}

const missing = missingRequirement();
if (missing === undefined) {
  try {
    const { engineBundles, enginePackages } = await import('./instrumentation.ts');
    await install([...enginePackages(), ...engineBundles()]);
  } catch (error) {
    warn(`engines that are ES modules are not observed: ${error instanceof Error ? error.message : String(error)}`);
  }
} else warn(`nothing is observed: ${missing}`);

async function install(include: readonly (string | RegExp)[]): Promise<void> {
  // The very copy that @opentelemetry/instrumentation listens to.
  const fromHere = createRequire(import.meta.url);
  const { resolve } = createRequire(fromHere.resolve('@opentelemetry/instrumentation'));
  const synchronous = await loadSynchronous(resolve);
  if (synchronous?.supportsSyncHooks()) synchronous.register({ include });
  else register(pathToFileURL(resolve('import-in-the-middle/hook.mjs')), { data: { include } });
}

async function loadSynchronous(resolve: (specifier: string) => string): Promise<SynchronousHook | undefined> {
  let path: string;
  try {
    path = resolve('import-in-the-middle/register-hooks.mjs');
  } catch {
    return undefined;
  }
  const loaded: unknown = await import(pathToFileURL(path).href);
  return isSynchronousHook(loaded) ? loaded : undefined;
}

function isSynchronousHook(value: unknown): value is SynchronousHook {
  return typeof value === 'object' && value !== null && 'supportsSyncHooks' in value && 'register' in value;
}
