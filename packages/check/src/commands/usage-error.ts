/** A command line that says something impossible; the message is one sentence for a person. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}
