type Undo = (() => void) | undefined;

/** Hooks on objects that come and go with the user's calls. */
export interface PassingHooks {
  /** Places hooks on this object, unless it has them. */
  once(object: unknown, place: (object: Record<string, unknown>) => readonly Undo[]): void;
  /** Takes all of them away. */
  undo(): void;
}

const FIRST_LIMIT = 256;

/** Keeps no object alive: the hooks of one that is gone are forgotten with it. */
export function passingHooks(): PassingHooks {
  let hooked = new WeakMap<object, { readonly undo: readonly Undo[] }>();
  let all: WeakRef<{ readonly undo: readonly Undo[] }>[] = [];
  /** How many there may be until those that are gone are swept out. */
  let limit = FIRST_LIMIT;
  return {
    once(object, place) {
      if (!isObject(object) || hooked.has(object)) return;
      const entry = { undo: place(object) };
      hooked.set(object, entry);
      all.push(new WeakRef(entry));
      if (all.length < limit) return;
      all = all.filter((reference) => reference.deref() !== undefined);
      limit = Math.max(FIRST_LIMIT, all.length * 2);
    },
    undo() {
      for (const entry of all)
        entry
          .deref()
          ?.undo.toReversed()
          .forEach((step) => step?.());
      all = [];
      hooked = new WeakMap();
    },
  };
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}
