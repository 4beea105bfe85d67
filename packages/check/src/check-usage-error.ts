/** A developer's mistake in calling this package: what was wrong, why, and what to do. */
export class CheckUsageError extends Error {
  override readonly name = 'CheckUsageError';
  readonly code: CheckUsageCode;

  constructor(code: CheckUsageCode, message: string) {
    super(message);
    this.code = code;
  }
}

/** What was wrong, for programs. */
type CheckUsageCode = 'unknown-rule' | 'unknown-level' | 'no-capture' | 'no-spans';
