import {
  DEPRECATED_ATTR_GEN_AI_COMPLETION,
  DEPRECATED_ATTR_GEN_AI_PROMPT,
  DEPRECATED_ATTR_GEN_AI_SYSTEM,
  DEPRECATED_ATTR_GEN_AI_USAGE_COMPLETION_TOKENS,
  DEPRECATED_ATTR_GEN_AI_USAGE_PROMPT_TOKENS,
} from '@turnkeeper/instrumentation/semconv';
import { quote, type Rule } from '../rule.ts';

const names = [
  DEPRECATED_ATTR_GEN_AI_SYSTEM,
  DEPRECATED_ATTR_GEN_AI_PROMPT,
  DEPRECATED_ATTR_GEN_AI_COMPLETION,
  DEPRECATED_ATTR_GEN_AI_USAGE_PROMPT_TOKENS,
  DEPRECATED_ATTR_GEN_AI_USAGE_COMPLETION_TOKENS,
];

/** Names that the conventions have given up are gone. */
export const deprecatedNames: Rule = {
  id: 'deprecated-names',
  severity: 'warn',
  basis: 'convention',
  asserts: 'No span carries an attribute that the GenAI conventions have deprecated.',
  why: 'Backends that follow the conventions do not look at the old names: the value is lost, or counted by one view and not by another.',
  fix: 'Update the instrumentation that wrote the span, or opt in to its current conventions.',
  *judge(index) {
    for (const span of index.spans) {
      const found = names.filter((name) => span.attributes[name] !== undefined);
      if (found.length > 0)
        yield { at: span, what: `Span ${quote(span.name)} carries deprecated names: ${found.join(', ')}.` };
    }
  },
};
