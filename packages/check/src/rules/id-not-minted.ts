import {
  ATTR_GEN_AI_CONVERSATION_ID,
  ATTR_SESSION_ID,
  ATTR_TURNKEEPER_ENGINE_SESSION_ID,
  ATTR_TURNKEEPER_SESSION_SOURCE,
  SESSION_SOURCE_GENERATED,
} from '@turnkeeper/instrumentation/semconv';
import { quote, type Rule, type Violation } from '../rule.ts';
import { sessionOf, textOf } from '../span.ts';
import { type Run, type SpanIndex, turnsOf } from '../span-index.ts';

const names = [ATTR_SESSION_ID, ATTR_GEN_AI_CONVERSATION_ID];

/** An id comes from whoever owns the conversation; nobody makes one up. */
export const idNotMinted: Rule = {
  id: 'id-not-minted',
  severity: 'error',
  basis: 'convention',
  asserts:
    'A session or conversation id is never blank, never the id of a trace or a span, and never new in each turn of one session.',
  why: 'A made-up id looks like a conversation, but joins nothing: every turn, or every call, becomes a conversation of its own.',
  fix: "Pass the platform's own id, with withSession('…', …); where there is none, leave the attribute out.",
  *judge(index) {
    yield* judgeIds(index);
    for (const [session, runs] of index.sessions) {
      const turns = turnsOf(runs);
      if (!areMinted(turns, conversationOf) || turns.some((turn) => conversationOf(turn) === session)) continue;
      const what = `Each of the ${turns.length} turns of session ${quote(session)} carries a ${ATTR_GEN_AI_CONVERSATION_ID} of its own.`;
      yield* turns.slice(0, 1).map(({ root }) => ({ at: root, what }));
    }
    for (const [engineSession, turns] of Map.groupBy(turnsOf(index.runs), engineSessionOf)) {
      if (engineSession === undefined || !turns.every(isGenerated) || !areMinted(turns, ({ session }) => session))
        continue;
      const what = `Each of the ${turns.length} turns of the engine's session ${quote(engineSession)} carries a generated ${ATTR_SESSION_ID} of its own.`;
      yield* turns.slice(0, 1).map(({ root }) => ({ at: root, what }));
    }
  },
};

/** One finding for each bad id, at the first span that carries it. */
function* judgeIds(index: SpanIndex): Iterable<Violation> {
  const seen = new Set<string>();
  for (const span of index.spans) {
    for (const name of names) {
      const id = span.attributes[name];
      if (typeof id !== 'string' || seen.has(`${name} ${id}`)) continue;
      const problem = problemOf(id, index);
      if (problem === undefined) continue;
      seen.add(`${name} ${id}`);
      yield { at: span, what: `${name} of span ${quote(span.name)} is ${problem}.` };
    }
  }
}

function problemOf(id: string, index: SpanIndex): string | undefined {
  if (id.trim() === '') return `blank: ${quote(id)}`;
  // A trace id may be dressed up as a UUID.
  const digits = id.replaceAll('-', '').toLowerCase();
  if (!/^(?:[0-9a-f]{16}|[0-9a-f]{32})$/u.test(digits)) return undefined;
  const related = relatedTraces(id, index);
  if (related.has(digits)) return `the id of a trace: ${quote(id)}`;
  const isSpan = [...related].some((traceId) => index.find(traceId, digits) !== undefined);
  return isSpan ? `the id of a span: ${quote(id)}` : undefined;
}

/** The traces that an id may have been made from: those that carry it, and those of the same sessions. */
function relatedTraces(id: string, index: SpanIndex): ReadonlySet<string> {
  const carriers = index.spans.filter(({ attributes }) => names.some((name) => attributes[name] === id));
  const sessions = new Set(carriers.map(sessionOf).filter((session) => session !== undefined));
  const others = index.spans.filter((span) => sessions.has(sessionOf(span) ?? ''));
  return new Set([...carriers, ...others].map(({ traceId }) => traceId));
}

/** Whether several turns that belong together have all of them an id, and each another one. */
function areMinted(turns: readonly Run[], idOf: (turn: Run) => string | undefined): boolean {
  const ids = turns.map(idOf).filter((id) => id !== undefined);
  return turns.length > 1 && ids.length === turns.length && new Set(ids).size === turns.length;
}

function conversationOf({ root }: Run): string | undefined {
  return textOf(root.attributes, ATTR_GEN_AI_CONVERSATION_ID);
}

function engineSessionOf({ root }: Run): string | undefined {
  return textOf(root.attributes, ATTR_TURNKEEPER_ENGINE_SESSION_ID);
}

function isGenerated({ root }: Run): boolean {
  return root.attributes[ATTR_TURNKEEPER_SESSION_SOURCE] === SESSION_SOURCE_GENERATED;
}
