import {
  ATTR_GEN_AI_CONVERSATION_ID,
  ATTR_SESSION_ID,
  ATTR_TURNKEEPER_ENGINE_SESSION_ID,
  ATTR_TURNKEEPER_SESSION_SOURCE,
  SESSION_SOURCE_GENERATED,
} from '@turnkeeper/instrumentation/semconv';
import { quote, type Rule, type Violation } from '../rule.ts';
import { type CapturedSpan, sessionOf, textOf } from '../span.ts';
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
  const origins = originsOf(index);
  const seen = new Set<string>();
  for (const span of index.spans) {
    for (const name of names) {
      const id = span.attributes[name];
      if (typeof id !== 'string') continue;
      const problem = id.trim() === '' ? 'blank' : origins.get(id);
      if (problem === undefined || seen.has(`${name} ${id}`)) continue;
      seen.add(`${name} ${id}`);
      yield { at: span, what: `${name} of span ${quote(span.name)} is ${problem}: ${quote(id)}.` };
    }
  }
}

/** What ids were made from, in words: those that are the id of a trace or a span that has to do with them. */
function originsOf(index: SpanIndex): ReadonlyMap<string, string> {
  const carriers = carriersOf(index);
  const spanIds = new Set([...carriers.values()].map(({ digits }) => digits));
  const named = Map.groupBy(
    index.spans.filter(({ spanId }) => spanIds.has(spanId)),
    ({ spanId }) => spanId,
  );
  const origins = new Map<string, string>();
  for (const [id, { digits, spans }] of carriers) {
    const traces = new Set(spans.map(({ traceId }) => traceId));
    const sessions = new Set(spans.map(sessionOf).filter((session) => session !== undefined));
    // An id may have been made from the traces that carry it, and from those of the same sessions.
    const isRelated = (trace: string): boolean =>
      traces.has(trace) || (index.traces.get(trace) ?? []).some((span) => sessions.has(sessionOf(span) ?? ''));
    if (isRelated(digits)) origins.set(id, 'the id of a trace');
    else if (named.get(digits)?.some(({ traceId }) => isRelated(traceId))) origins.set(id, 'the id of a span');
  }
  return origins;
}

interface Carriers {
  readonly digits: string;
  readonly spans: CapturedSpan[];
}

/** The spans that carry an id, for each that is that of a trace of the input, or of the form of a span's. */
function carriersOf(index: SpanIndex): ReadonlyMap<string, Carriers> {
  const carriers = new Map<string, Carriers>();
  const others = new Set<string>();
  for (const span of index.spans) {
    for (const name of names) {
      const id = span.attributes[name];
      if (typeof id !== 'string' || others.has(id)) continue;
      const known = carriers.get(id);
      // A trace id may be dressed up as a UUID.
      const digits = known?.digits ?? id.replaceAll('-', '').toLowerCase();
      if (known !== undefined) known.spans.push(span);
      else if (/^(?:[0-9a-f]{16}|[0-9a-f]{32})$/u.test(digits) && (digits.length === 16 || index.traces.has(digits)))
        carriers.set(id, { digits, spans: [span] });
      else others.add(id);
    }
  }
  return carriers;
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
