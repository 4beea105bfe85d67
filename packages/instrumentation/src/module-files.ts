import { isFunction, isObject } from './narrow.ts';
import { requireFrom } from './require-from.ts';

/** A mark on the global object: the module hook is there. A symbol of the registry, for other copies of this package. */
export const HOOK: symbol = Symbol.for('turnkeeper.hook');

/** What import-in-the-middle calls with the exports of a module, and with its path from its package's name on. */
type Found = (exports: unknown, name: string) => void;

/** import-in-the-middle's `Hook`. */
type Hook = new (
  modules: readonly string[],
  options: { readonly internals: boolean },
  found: Found,
) => { unhook(): void };

/**
 * Calls back for every file of these packages that the module hook lets through; OpenTelemetry's own instrumentations
 * know files by their whole name only, and those of a bundle have another one in each version. Returns what ends it.
 *
 * @throws where @opentelemetry/instrumentation does not bring import-in-the-middle.
 */
export function onModuleFile(packages: readonly string[], found: Found): () => void {
  // The very copy that @opentelemetry/instrumentation listens to, and that the module hook feeds.
  const require = requireFrom(requireFrom(import.meta.url).resolve('@opentelemetry/instrumentation'));
  const loaded: unknown = require('import-in-the-middle');
  const Hook: unknown = isObject(loaded) ? Reflect.get(loaded, 'Hook') : undefined;
  if (!isHook(Hook)) throw new Error('import-in-the-middle exports no Hook');
  const hook = new Hook(packages, { internals: true }, (exports, name) => found(exports, name.replaceAll('\\', '/')));
  return () => hook.unhook();
}

/** What it constructs is of no interest. */
function isHook(value: unknown): value is Hook {
  return isFunction(value);
}
