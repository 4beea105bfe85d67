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

/**
 * Remembers the last `limit` keys that were set, and up to as many before them. In two generations, of which the older one
 * goes as a whole: to take keys out one by one takes twice as long.
 */
export class Recent<K, V extends {}> {
  readonly #limit: number;
  #young = new Map<K, V>();
  #old = new Map<K, V>();

  constructor(limit: number) {
    this.#limit = limit;
  }

  get(key: K): V | undefined {
    return this.#young.get(key) ?? this.#old.get(key);
  }

  set(key: K, value: V): void {
    this.#young.set(key, value);
    if (this.#young.size < this.#limit) return;
    this.#old = this.#young;
    this.#young = new Map();
  }

  delete(key: K): void {
    this.#young.delete(key);
    this.#old.delete(key);
  }
}
