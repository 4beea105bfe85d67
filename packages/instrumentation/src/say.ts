import { diag } from '@opentelemetry/api';

/** Writes to the diagnostic log. It is the user's: one that throws stops no work of the host's. */
export function say(level: 'debug' | 'warn' | 'error', message: string, ...details: readonly unknown[]): void {
  try {
    diag[level](`turnkeeper: ${message}`, ...details);
  } catch {
    // There is nobody else to tell.
  }
}
