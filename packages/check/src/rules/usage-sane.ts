import {
  ATTR_GEN_AI_OPERATION_NAME,
  ATTR_GEN_AI_USAGE_CACHE_CREATION_INPUT_TOKENS,
  ATTR_GEN_AI_USAGE_CACHE_READ_INPUT_TOKENS,
  ATTR_GEN_AI_USAGE_INPUT_TOKENS,
  ATTR_GEN_AI_USAGE_OUTPUT_TOKENS,
  ATTR_GEN_AI_USAGE_REASONING_OUTPUT_TOKENS,
  OPERATION_CHAT,
} from '@turnkeeper/instrumentation/semconv';
import { quote, type Rule, type Violation } from '../rule.ts';
import type { CapturedSpan } from '../span.ts';
import type { Run } from '../span-index.ts';

const counts = [
  ATTR_GEN_AI_USAGE_INPUT_TOKENS,
  ATTR_GEN_AI_USAGE_OUTPUT_TOKENS,
  ATTR_GEN_AI_USAGE_CACHE_READ_INPUT_TOKENS,
  ATTR_GEN_AI_USAGE_CACHE_CREATION_INPUT_TOKENS,
  ATTR_GEN_AI_USAGE_REASONING_OUTPUT_TOKENS,
];

/** Token counts can be counts, and they add up. */
export const usageSane: Rule = {
  id: 'usage-sane',
  severity: 'warn',
  basis: 'convention',
  asserts:
    "Token counts are whole numbers from 0; cached ones are a part of the input, reasoning ones of the output; a run's total is the sum of its chats.",
  why: 'What a conversation costs is worked out from these numbers.',
  fix: "Input tokens include the cached ones: add what the provider reports beside them; sum a run's usage over its model calls, each once.",
  *judge(index) {
    for (const span of index.spans) yield* judgeSpan(span);
    for (const run of index.runs) yield* judgeTotal(run);
  },
};

function* judgeSpan(span: CapturedSpan): Iterable<Violation> {
  for (const name of counts) {
    const value = span.attributes[name];
    if (value === undefined || isCount(value)) continue;
    yield { at: span, what: `${name} of span ${quote(span.name)} is ${JSON.stringify(value)}, which is no count.` };
  }
  const cached =
    (countOf(span, ATTR_GEN_AI_USAGE_CACHE_READ_INPUT_TOKENS) ?? 0) +
    (countOf(span, ATTR_GEN_AI_USAGE_CACHE_CREATION_INPUT_TOKENS) ?? 0);
  const input = countOf(span, ATTR_GEN_AI_USAGE_INPUT_TOKENS);
  if (input !== undefined && cached > input) {
    yield {
      at: span,
      what: `Span ${quote(span.name)} has ${cached} cached input tokens, but ${input} input tokens in all.`,
    };
  }
  const reasoning = countOf(span, ATTR_GEN_AI_USAGE_REASONING_OUTPUT_TOKENS);
  const output = countOf(span, ATTR_GEN_AI_USAGE_OUTPUT_TOKENS);
  if (reasoning !== undefined && output !== undefined && reasoning > output) {
    yield {
      at: span,
      what: `Span ${quote(span.name)} has ${reasoning} reasoning tokens, but ${output} output tokens in all.`,
    };
  }
}

/** Compared only where every chat of the run says its own: some engines report a total and nothing else. */
function* judgeTotal({ root, spans }: Run): Iterable<Violation> {
  const chats = spans.filter((span) => span.attributes[ATTR_GEN_AI_OPERATION_NAME] === OPERATION_CHAT);
  for (const name of [ATTR_GEN_AI_USAGE_INPUT_TOKENS, ATTR_GEN_AI_USAGE_OUTPUT_TOKENS]) {
    const total = countOf(root, name);
    const parts = chats.map((chat) => countOf(chat, name)).filter((part) => part !== undefined);
    if (total === undefined || parts.length === 0 || parts.length < chats.length) continue;
    const sum = parts.reduce((left, right) => left + right, 0);
    if (sum === total) continue;
    yield {
      at: root,
      what: `${name} of the run ${quote(root.name)} is ${total}; its ${chats.length} model calls sum up to ${sum}.`,
    };
  }
}

function countOf(span: CapturedSpan, name: string): number | undefined {
  const value = span.attributes[name];
  return isCount(value) ? value : undefined;
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}
