import { ATTR_GEN_AI_CONVERSATION_ID, ATTR_SESSION_ID } from '@turnkeeper/instrumentation/semconv';
import { idsIn, textsOf } from '../ids-in-text.ts';
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
  if (index.metrics.length === 0) return;
  const ranks = rankIds(index);
  const known = new Map<string, Ranked | undefined>();
  const find = (text: string): Ranked | undefined => {
    if (!known.has(text)) known.set(text, findId(text, ranks));
    return known.get(text);
  };
  for (const metric of index.metrics) {
    const what = describeFlaw(metric, find);
    if (what === undefined || reported.has(what)) continue;
    reported.add(what);
    yield { at: metric, what };
  }
}

/** An id, and which of several in one metric is reported: the one of the lowest rank. */
interface Ranked {
  readonly id: string;
  readonly rank: number;
}

/** The ids that are hardly a word by chance, sessions first. */
function rankIds({ sessions, spans }: SpanIndex): ReadonlyMap<string, number> {
  const ranks = new Map<string, number>();
  const add = (id: string | undefined): void => {
    if (id !== undefined && isDistinctive(id) && !ranks.has(id)) ranks.set(id, ranks.size);
  };
  for (const session of sessions.keys()) add(session);
  for (const { attributes } of spans) add(textOf(attributes, ATTR_GEN_AI_CONVERSATION_ID));
  return ranks;
}

function findId(text: string, ranks: ReadonlyMap<string, number>): Ranked | undefined {
  const found: Ranked[] = [];
  for (const id of idsIn(text)) {
    const rank = ranks.get(id);
    if (rank !== undefined && holds(text, id)) found.push({ id, rank });
  }
  return firstOf(found);
}

function describeFlaw(
  { name, series }: CapturedMetric,
  find: (text: string) => Ranked | undefined,
): string | undefined {
  const key = names.find((candidate) => series.some((attributes) => attributes[candidate] !== undefined));
  if (key !== undefined) return `The metric ${quote(name)} carries ${key} in its attributes.`;
  const texts = new Set([name, ...series.flatMap((attributes) => Object.values(attributes).flatMap(textsOf))]);
  const found = firstOf(Array.from(texts, find).filter((ranked) => ranked !== undefined));
  return found && `The metric ${quote(name)} holds the id ${quote(found.id)} in its name or attributes.`;
}

function firstOf(found: readonly Ranked[]): Ranked | undefined {
  return found.toSorted((left, right) => left.rank - right.rank)[0];
}

/** Whether an id stands in a text as a word of its own. */
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
