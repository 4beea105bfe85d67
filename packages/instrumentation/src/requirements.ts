/** As `engines` in package.json has it: below, an adapter cannot be loaded at the moment its engine is. */
const OLDEST_NODE = [22, 15] as const;

/**
 * What stands in the way of observing anything in this process, and what to do about it; undefined where nothing does.
 * For the doors that are imported before a program: they must say it, and let the program run.
 */
export function missingRequirement(): string | undefined {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  if (major < OLDEST_NODE[0] || (major === OLDEST_NODE[0] && minor < OLDEST_NODE[1])) {
    return `Node ${process.versions.node} is too old: use Node ${OLDEST_NODE.join('.')} or later`;
  }
  const missing = ['@opentelemetry/api', '@opentelemetry/instrumentation'].filter((name) => !canImport(name));
  if (missing.length === 0) return undefined;
  return `${missing.join(' and ')} cannot be found. Install what is missing: npm install ${missing.join(' ')}`;
}

/** In one line on standard error: no diagnostic log is set up this early. */
export function warn(message: string): void {
  process.emitWarning(message, { type: 'TurnkeeperWarning' });
}

/** Where a host has several addresses, and none answers, the error has no message but those of its attempts. */
export function wordsOf(error: unknown): string {
  const [first = error] = error instanceof AggregateError ? error.errors : [];
  return first instanceof Error ? first.message : String(first);
}

function canImport(name: string): boolean {
  try {
    import.meta.resolve(name);
    return true;
  } catch {
    return false;
  }
}
