import {
  ATTR_GEN_AI_CONVERSATION_ID,
  ATTR_SESSION_ID,
  ATTR_SESSION_PREVIOUS_ID,
  ATTR_TURNKEEPER_SESSION_PARENT_ID,
} from '@turnkeeper/instrumentation/semconv';
import { quote, type Rule } from '../rule.ts';
import type { CapturedSpan } from '../span.ts';

const names = [
  ATTR_SESSION_ID,
  ATTR_GEN_AI_CONVERSATION_ID,
  ATTR_SESSION_PREVIOUS_ID,
  ATTR_TURNKEEPER_SESSION_PARENT_ID,
];
const maximumLength = 128;
/** Control characters, those that turn the direction of writing, halves of characters; a joiner of emoji is none. */
const unprintable = /(?!\u200D)[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Zl}\p{Zp}]/u;

/** An id can be typed, searched for and stored. */
export const idWellFormed: Rule = {
  id: 'id-well-formed',
  severity: 'error',
  basis: 'policy',
  asserts: `A session or conversation id is text of 1 to ${maximumLength} printable characters without surrounding white space.`,
  why: 'Such an id is cut off, trimmed or refused somewhere on its way, and then it is another id.',
  fix: 'Give the id as your platform stores it; validate it where it enters the service.',
  *judge(index) {
    const spans = new Map<string, { readonly at: CapturedSpan; readonly what: string; count: number }>();
    for (const span of index.spans) {
      for (const name of names) {
        const problem = problemOf(span.attributes[name]);
        if (problem === undefined) continue;
        // A bad id is on every span of its session: it is reported once.
        const key = `${name} ${JSON.stringify(span.attributes[name])}`;
        const known = spans.get(key);
        if (known !== undefined) known.count += 1;
        else spans.set(key, { at: span, what: `${name} of span ${quote(span.name)} ${problem}`, count: 0 });
      }
    }
    for (const { at, what, count } of spans.values()) {
      yield { at, what: count === 0 ? `${what}.` : `${what}; ${count} more of them carry it.` };
    }
  },
};

/** What is wrong with an id. An absent one is fine here; a blank one is for id-not-minted. */
function problemOf(id: unknown): string | undefined {
  if (id === undefined) return undefined;
  if (typeof id !== 'string') return `is no text: ${JSON.stringify(id)}`;
  if (id.trim() === '') return undefined;
  if (id.trim() !== id) return `has white space around it: ${quote(id)}`;
  if (unprintable.test(id)) return `has characters that cannot be printed: ${quote(id)}`;
  const { length } = Array.from(id);
  return length > maximumLength ? `is ${length} characters long: ${quote(id.slice(0, 32))}…` : undefined;
}
