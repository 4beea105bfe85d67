/** An id that is longer is found as a whole text only. */
const longest = 128;
const boundary = /[^\p{L}\p{N}]/gu;

/**
 * Everything in a text that may be an id: the whole of it, and whatever stands between two characters that are no
 * letters or digits. One way for all who look for ids, so that they find the same.
 */
export function* idsIn(text: string): Iterable<string> {
  yield text;
  const bounds = [0, ...Array.from(text.matchAll(boundary), ({ index }) => [index, index + 1]).flat(), text.length];
  for (const [position, from] of bounds.entries()) {
    for (let next = position + 1; next < bounds.length; next += 1) {
      const to = bounds[next] ?? from;
      if (to - from > longest) break;
      if (to > from) yield text.slice(from, to);
    }
  }
}

/** The texts of a metric's attribute values, also of those in lists. */
export function textsOf(value: unknown): readonly string[] {
  if (typeof value === 'string') return [value];
  return Array.isArray(value) ? value.flatMap(textsOf) : [];
}
