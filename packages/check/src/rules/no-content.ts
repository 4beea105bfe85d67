import {
  ATTR_GEN_AI_INPUT_MESSAGES,
  ATTR_GEN_AI_OUTPUT_MESSAGES,
  ATTR_GEN_AI_SYSTEM_INSTRUCTIONS,
  ATTR_GEN_AI_TOOL_CALL_ARGUMENTS,
  ATTR_GEN_AI_TOOL_CALL_RESULT,
  DEPRECATED_ATTR_GEN_AI_COMPLETION,
  DEPRECATED_ATTR_GEN_AI_PROMPT,
} from '@turnkeeper/instrumentation/semconv';
import { ATTR_GEN_AI_PROMPT_NAME } from '../mcp.ts';
import { eventNameOf, isMessageWithContent } from '../message-events.ts';
import { quote, type Rule } from '../rule.ts';
import type { Attributes } from '../span.ts';

const names = [
  ATTR_GEN_AI_INPUT_MESSAGES,
  ATTR_GEN_AI_OUTPUT_MESSAGES,
  ATTR_GEN_AI_SYSTEM_INSTRUCTIONS,
  ATTR_GEN_AI_TOOL_CALL_ARGUMENTS,
  ATTR_GEN_AI_TOOL_CALL_RESULT,
  DEPRECATED_ATTR_GEN_AI_PROMPT,
  DEPRECATED_ATTR_GEN_AI_COMPLETION,
];

const exact: ReadonlySet<string> = new Set(names);
const shortest = Math.min(...names.map((name) => name.length));

/** What people wrote and models answered stays out of traces, unless somebody wants it there. */
export const noContent: Rule = {
  id: 'no-content',
  severity: 'warn',
  basis: 'convention',
  asserts: 'No span, event or log holds a prompt, an answer, or what a tool was given and gave back.',
  why: 'Content is opt-in: it holds personal data and secrets, and traces are kept longer and read by more people than conversations.',
  fix: "Set content: 'none', or turn the capture of content off in the instrumentation that wrote it. If it is wanted, turn this rule off.",
  *judge(index) {
    for (const span of index.spans) {
      const found = [span.attributes, ...span.events.map(({ attributes }) => attributes)].flatMap(contentOf);
      const messages = span.events.filter(isMessageWithContent).map(({ name }) => `the event ${name}`);
      found.push(...messages);
      if (found.length === 0) continue;
      yield { at: span, what: `Span ${quote(span.name)} holds content: ${[...new Set(found)].join(', ')}.` };
    }
    for (const log of index.logs) {
      const found = [...contentOf(log.attributes), ...(log.hasContent === true ? ['a message in its body'] : [])];
      if (found.length === 0) continue;
      yield { at: log, what: `Log event ${quote(eventNameOf(log))} holds content: ${found.join(', ')}.` };
    }
  },
};

/** Some instrumentations number the messages, below the name: `….0.content`. */
function contentOf(attributes: Attributes): readonly string[] {
  const found = Object.keys(attributes).flatMap((key) => {
    if (exact.has(key)) return [key];
    return key.length > shortest && key !== ATTR_GEN_AI_PROMPT_NAME
      ? names.filter((name) => key.startsWith(name) && key[name.length] === '.')
      : [];
  });
  return found.length < 2 ? found : names.filter((name) => found.includes(name));
}
