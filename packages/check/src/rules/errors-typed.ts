import { ATTR_ERROR_TYPE, ATTR_GEN_AI_OPERATION_NAME } from '@turnkeeper/instrumentation/semconv';
import { quote, type Rule } from '../rule.ts';
import { type CapturedSpan, textOf } from '../span.ts';
import type { SpanIndex } from '../span-index.ts';

/** A failed operation says how it failed; one that did not fail says nothing of the kind. */
export const errorsTyped: Rule = {
  id: 'errors-typed',
  severity: 'error',
  basis: 'convention',
  asserts: `A GenAI span, and a run's root, carries ${ATTR_ERROR_TYPE} if and only if its status is ERROR.`,
  why: 'Error rates are counted by status and broken down by type: where the two disagree, failures are missed or made up.',
  fix: `Set the status and ${ATTR_ERROR_TYPE} together, in the one place where the operation ends.`,
  *judge(index) {
    for (const span of index.spans) {
      if (!isJudged(index, span)) continue;
      const type = textOf(span.attributes, ATTR_ERROR_TYPE);
      if (span.status === 'error' && type === undefined) {
        yield { at: span, what: `Span ${quote(span.name)} failed, but carries no ${ATTR_ERROR_TYPE}.` };
      } else if (span.status !== 'error' && type !== undefined) {
        yield {
          at: span,
          what: `Span ${quote(span.name)} carries ${ATTR_ERROR_TYPE} ${quote(type)}, but its status is ${span.status.toUpperCase()}.`,
        };
      }
    }
  },
};

/** Other instrumentations follow conventions of their own: HTTP's, a database's. */
function isJudged(index: SpanIndex, span: CapturedSpan): boolean {
  return textOf(span.attributes, ATTR_GEN_AI_OPERATION_NAME) !== undefined || index.runOf(span)?.root === span;
}
