type Undo = (() => void) | undefined;

/** Hooks on objects that come and go with the user's calls. */
export interface PassingHooks {
  /** Places hooks on this object, unless it has them. */
  once(object: unknown, place: (object: Record<string, unknown>) => readonly Undo[]): void;
  /** Takes all of them away. */
  undo(): void;
}

/** Keeps no object alive: the hooks of one that is gone are forgotten with it. */
export function passingHooks(): PassingHooks {
  let hooked = new WeakMap<object, { readonly undo: readonly Undo[] }>();
  const all = new Set<WeakRef<{ readonly undo: readonly Undo[] }>>();
  const gone = new FinalizationRegistry<WeakRef<{ readonly undo: readonly Undo[] }>>((entry) => all.delete(entry));
  return {
    once(object, place) {
      if (!isObject(object) || hooked.has(object)) return;
      const entry = { undo: place(object) };
      hooked.set(object, entry);
      const reference = new WeakRef(entry);
      all.add(reference);
      gone.register(entry, reference);
    },
    undo() {
      for (const entry of all)
        entry
          .deref()
          ?.undo.toReversed()
          .forEach((step) => step?.());
      all.clear();
      hooked = new WeakMap();
    },
  };
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}
