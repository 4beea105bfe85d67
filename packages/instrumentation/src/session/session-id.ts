/** The longest session id, in characters. */
const MAX_SESSION_ID_LENGTH = 128;

/** No control, format, surrogate, private or separator characters, but the joiner that emoji need. */
const PRINTABLE = /^(?:[^\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Zl}\p{Zp}]|\u200D)+$/u;

/**
 * What is wrong with a value as a session id: `undefined` for a good one (1 to 128 printable characters without
 * surrounding white space), `absent` for none at all (undefined, null, blank), else the reason in words.
 */
export function sessionIdProblem(value: unknown): string | undefined {
  if (value === undefined || value === null) return 'absent';
  if (typeof value !== 'string') return `it is of type ${typeof value}, not a string`;
  // A megabyte of white space is not worth trimming.
  if (value.length > MAX_SESSION_ID_LENGTH * 8) return `it is longer than ${MAX_SESSION_ID_LENGTH} characters`;
  if (isPlain(value)) return undefined;
  const trimmed = value.trim();
  if (trimmed === '') return 'absent';
  if (trimmed !== value) return 'it begins or ends with white space';
  if (Array.from(value).length > MAX_SESSION_ID_LENGTH) return `it is longer than ${MAX_SESSION_ID_LENGTH} characters`;
  if (!PRINTABLE.test(value)) return 'it contains characters that cannot be printed';
  return undefined;
}

/** Nearly all ids are ASCII, and told faster so than by an expression. */
function isPlain(value: string): boolean {
  if (value.length === 0 || value.length > MAX_SESSION_ID_LENGTH) return false;
  for (let index = 0; index < value.length; index += 1) {
    const code = value.charCodeAt(index);
    if (code <= 0x20 || code >= 0x7f) return false;
  }
  return true;
}

/** The value, where it is a good session id. What is wrong with one that is there, and not blank, is told. */
export function goodSessionId(value: unknown, reject: (problem: string) => void): string | undefined {
  if (value === undefined) return undefined;
  const problem = sessionIdProblem(value);
  if (problem !== undefined && problem !== 'absent') reject(problem);
  return problem === undefined && typeof value === 'string' ? value : undefined;
}

/** Whether a value is a good session id: a string of 1 to 128 printable characters, no surrounding white space. */
export function isSessionId(value: unknown): value is string {
  return sessionIdProblem(value) === undefined;
}
