import type { CapturedSpan } from './span.ts';

/**
 * Of two copies of a span the one that is believed, whichever was read first: the one that says more, then the one that
 * ends later. A span that was exported twice is the same twice; one that a collector changed on one of two ways is not.
 */
export function preferCopy(known: CapturedSpan, other: CapturedSpan): CapturedSpan {
  const difference = amountOf(other) - amountOf(known);
  if (difference !== 0) return difference > 0 ? other : known;
  if (other.end !== known.end) return other.end > known.end ? other : known;
  return contentOf(other) > contentOf(known) ? other : known;
}

function amountOf({ attributes, events, links }: CapturedSpan): number {
  return Object.keys(attributes).length + events.length + links.length;
}

/** Everything that a span says, without its place in the input. */
function contentOf({ order: _order, place: _place, ...content }: CapturedSpan): string {
  return JSON.stringify(content, (_key, value: unknown) => (typeof value === 'bigint' ? String(value) : value));
}
