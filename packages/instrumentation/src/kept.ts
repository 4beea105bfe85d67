/**
 * What is kept on an object by a registered symbol, made when it is not there: every copy of this package finds it, and
 * it goes with the object.
 */
export function keptOn<T>(owner: object, key: symbol, isOne: (value: unknown) => value is T, make: () => T): T {
  const existing: unknown = Object.hasOwn(owner, key) ? Reflect.get(owner, key) : undefined;
  if (isOne(existing)) return existing;
  const value = make();
  Reflect.defineProperty(owner, key, { value, configurable: true });
  return value;
}

export function isMap<K, V>(value: unknown): value is Map<K, V> {
  return value instanceof Map;
}

/** Takes the oldest out where there is more than is to be kept. */
export function keepAtMost<K>(limit: number, kept: Map<K, unknown> | Set<K>): void {
  if (kept.size <= limit) return;
  const [oldest] = kept.keys();
  if (oldest !== undefined) kept.delete(oldest);
}
