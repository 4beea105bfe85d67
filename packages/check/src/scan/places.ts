import { counted, kept } from './names.ts';

/**
 * What of a span is looked at as text: the number of each. Of each, a table of places has two words: where in the
 * memory it begins and ends. Kept attributes come first, by their numbers, then counted ones.
 */
export const place: {
  readonly counted: number;
  readonly trace: number;
  readonly span: number;
  readonly parent: number;
  readonly name: number;
  readonly start: number;
  readonly end: number;
  readonly startSession: number;
  readonly startConversation: number;
  readonly linkTrace: number;
  readonly linkSpan: number;
} = (() => {
  const first = kept.length + counted.length;
  return {
    counted: kept.length,
    trace: first,
    span: first + 1,
    parent: first + 2,
    name: first + 3,
    start: first + 4,
    end: first + 5,
    /** What the last `run.start` says, and where the last link leads. */
    startSession: first + 6,
    startConversation: first + 7,
    linkTrace: first + 8,
    linkSpan: first + 9,
  };
})();

/** How many there are: not more than 31, for each is a bit of `SpanStructure.present`. */
export const placeCount: number = kept.length + counted.length + 10;
