import {
  ATTR_GEN_AI_OPERATION_NAME,
  ATTR_GEN_AI_RESPONSE_ID,
  OPERATION_CHAT,
} from '@turnkeeper/instrumentation/semconv';
import { quote, type Rule } from '../rule.ts';
import { type CapturedSpan, textOf } from '../span.ts';

/** One call of a model is one span. */
export const noDuplicateInference: Rule = {
  id: 'no-duplicate-inference',
  severity: 'error',
  basis: 'policy',
  asserts: `No two chat spans of a trace share ${ATTR_GEN_AI_RESPONSE_ID}.`,
  why: 'One call of the model counts twice: tokens, cost and latency of the conversation are wrong.',
  fix: 'Two instrumentations record the same call: take one away, or name the engine in `stampOnly` if it writes GenAI spans itself.',
  *judge(index) {
    for (const spans of index.traces.values()) {
      const first = new Map<string, CapturedSpan>();
      for (const span of spans) {
        const response = textOf(span.attributes, ATTR_GEN_AI_RESPONSE_ID);
        if (response === undefined || span.attributes[ATTR_GEN_AI_OPERATION_NAME] !== OPERATION_CHAT) continue;
        const before = first.get(response);
        if (before === undefined) first.set(response, span);
        else {
          yield {
            at: span,
            what: `Span ${quote(span.name)} is the same call of the model as ${quote(before.name)} before it: both are response ${quote(response)}.`,
          };
        }
      }
    }
  },
};
