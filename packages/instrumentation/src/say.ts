import { diag } from '@opentelemetry/api';

/** Writes to the diagnostic log. It is the user's: one that throws stops no work of the host's. */
export function say(level: 'debug' | 'warn' | 'error', message: string, ...details: readonly unknown[]): void {
  try {
    diag[level](`turnkeeper: ${message}`, ...details);
  } catch {
    // There is nobody else to tell.
  }
}

/**
 * What a hook of the user's answers at once: undefined where it throws, or gives a promise, which nobody waits for. What
 * it throws or rejects with is said.
 */
export function ask<T>(name: string, hook: () => T): T | undefined {
  const failed = (error: unknown): void => say('warn', `${name} threw`, error);
  try {
    const answer = hook();
    if (!(answer instanceof Promise)) return answer;
    answer.catch(failed);
  } catch (error) {
    failed(error);
  }
  return undefined;
}
