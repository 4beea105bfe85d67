/** Lists and maps inside of one another, as many as an attribute may have: few protobuf libraries read more. */
export const deepest = 100;

/** An attribute goes deeper: whatever walks over it could run out of stack. Who reads the file knows the place. */
export class NestingError extends Error {
  override readonly name = 'NestingError';
}

/**
 * Looks into a value that is taken as it is.
 *
 * @throws NestingError where it goes too deep.
 */
export function requireShallow(value: unknown, depth = 0): void {
  if (typeof value !== 'object' || value === null) return;
  if (depth > deepest) throw new NestingError();
  for (const inner of Object.values(value)) requireShallow(inner, depth + 1);
}
