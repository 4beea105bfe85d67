import { ATTR_GEN_AI_CONVERSATION_ID, ATTR_SESSION_ID } from '@turnkeeper/instrumentation/semconv';
import { quote, type Rule, type Violation } from '../rule.ts';
import type { CapturedMetric } from '../signals.ts';
import { sessionOf, textOf } from '../span.ts';
import type { SpanIndex } from '../span-index.ts';

const names = [ATTR_SESSION_ID, ATTR_GEN_AI_CONVERSATION_ID];

/** Names and series stay few; ids are many. */
export const idNotInNames: Rule = {
  id: 'id-not-in-names',
  severity: 'error',
  basis: 'convention',
  asserts: 'No session or conversation id stands in the name of a span or a metric, nor in an attribute of a metric.',
  why: 'Each conversation makes names and series of its own: backends group by name and keep every series, until they are full.',
  fix: 'Name a span after what is done. Count conversations by their spans; a metric needs no id.',
  *judge(index) {
    for (const span of index.spans) {
      const ids = [sessionOf(span) ?? index.runOf(span)?.session, textOf(span.attributes, ATTR_GEN_AI_CONVERSATION_ID)];
      const id = ids.find((candidate) => candidate !== undefined && holds(span.name, candidate));
      if (id !== undefined) yield { at: span, what: `The name of span ${quote(span.name)} holds the id ${quote(id)}.` };
    }
    yield* judgeMetrics(index);
  },
};

/** A metric is exported again and again, with all that was counted so far: each flaw of it is reported once. */
function* judgeMetrics(index: SpanIndex): Iterable<Violation> {
  const reported = new Set<string>();
  for (const metric of index.metrics) {
    const what = describeFlaw(index, metric);
    if (what === undefined || reported.has(what)) continue;
    reported.add(what);
    yield { at: metric, what };
  }
}

function describeFlaw({ sessions }: SpanIndex, metric: CapturedMetric): string | undefined {
  const name = names.find((candidate) => metric.series.some((series) => series[candidate] !== undefined));
  if (name !== undefined) return `The metric ${quote(metric.name)} carries ${name} in its attributes.`;
  const values = new Set(metric.series.flatMap((series) => Object.values(series)));
  const id = [...sessions.keys()].find(
    (session) => (isDistinctive(session) && values.has(session)) || holds(metric.name, session),
  );
  return id === undefined
    ? undefined
    : `The metric ${quote(metric.name)} holds the id ${quote(id)} in its name or attributes.`;
}

/** Whether an id stands in a name as a word of its own. */
function holds(name: string, id: string): boolean {
  if (!isDistinctive(id) || !name.includes(id)) return false;
  return ` ${name} `
    .split(id)
    .slice(1)
    .some((after, position) => {
      const before = ` ${name} `.split(id)[position] ?? '';
      return !/[\p{L}\p{N}]$/u.test(before) && !/^[\p{L}\p{N}]/u.test(after);
    });
}

/** An id such as `shop` or `a` stands in names by chance. */
function isDistinctive(id: string): boolean {
  return id.length >= 16 || (id.length >= 4 && /\d/u.test(id));
}
