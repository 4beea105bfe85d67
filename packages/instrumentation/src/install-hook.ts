import { createRequire, register } from 'node:module';
import { pathToFileURL } from 'node:url';
import { engineBundles, enginePackages } from './instrumentation.ts';
import { keptOn } from './kept.ts';
import { HOOK } from './module-files.ts';

/** What import-in-the-middle 3.3 and later has; older copies have the asynchronous hook only. */
interface SynchronousHook {
  supportsSyncHooks(): boolean;
  register(options: { readonly include: readonly (string | RegExp)[] }): void;
}

/** Which copies of import-in-the-middle have their hook: one is both required and imported, or two packages share it. */
const INSTALLED = Symbol.for('turnkeeper.hook.installed');

/** Installs the module hook, once. At once: what `--require` names cannot wait. @throws where there is none. */
export function installHook(): void {
  Reflect.set(globalThis, HOOK, true);
  const include = [...enginePackages(), ...engineBundles()];
  // The very copy that @opentelemetry/instrumentation listens to.
  const require = createRequire(createRequire(import.meta.url).resolve('@opentelemetry/instrumentation'));
  const path = require.resolve('import-in-the-middle/hook.mjs');
  const installed = keptOn(globalThis, INSTALLED, isSet, () => new Set());
  if (installed.has(path)) return;
  installed.add(path);
  const synchronous = loadSynchronous(require);
  if (synchronous?.supportsSyncHooks()) synchronous.register({ include });
  else register(pathToFileURL(path), { data: { include } });
}

function isSet(value: unknown): value is Set<string> {
  return value instanceof Set;
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
