/** Everything that a reader yields. */
export async function collect<T>(values: AsyncIterable<T>): Promise<readonly T[]> {
  const all: T[] = [];
  for await (const value of values) all.push(value);
  return all;
}

/** The message of what a reader fails with. */
export async function failureOf(values: AsyncIterable<unknown>): Promise<string> {
  try {
    await collect(values);
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
  throw new Error('it was read without a failure');
}
