/** What went wrong, for programs. */
export type TurnkeeperErrorCode = 'invalid-session-context' | 'invalid-option' | 'not-attachable';

/** A misuse of this package's own functions. The message says what was wrong, why, and what to do. */
export class TurnkeeperError extends Error {
  override readonly name = 'TurnkeeperError';
  readonly code: TurnkeeperErrorCode;

  constructor(code: TurnkeeperErrorCode, message: string) {
    super(message);
    this.code = code;
  }
}
