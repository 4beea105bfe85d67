/** Why an input cannot be read: always one line for a person, with the place first. */
export class InputError extends Error {
  override readonly name = 'InputError';
  /** The file as the caller named it. */
  readonly file: string;
  /** The line of the file, from 1, where there is one to blame. */
  readonly line: number | undefined;
  /** What is wrong, without the place. */
  readonly reason: string;

  constructor(file: string, line: number | undefined, message: string) {
    super(`${file}${line === undefined ? '' : `:${line}`}: ${message}`);
    this.file = file;
    this.line = line;
    this.reason = message;
  }
}
