import fc from 'fast-check';
import type { CapturedSpan } from '../span.ts';

/** Changes a span in one way; a number chooses among the values that it may get, or among all spans. */
type Change = (span: CapturedSpan, choice: number, all: readonly CapturedSpan[]) => CapturedSpan;

const operations = ['', 'chat', 'invoke_agent', 'execute_tool', 'embeddings'];
const counts = [0, 5, 10, 15];
const words = ['', 'pi', 'acp', 'generated'];
const kinds = ['internal', 'server', 'client', 'producer', 'consumer'] as const;
const idNames = ['session.id', 'gen_ai.conversation.id', 'turnkeeper.session.parent_id', 'session.previous_id'];
const wordNames = ['turnkeeper.engine.name', 'turnkeeper.session.source', 'gen_ai.tool.name', 'error.type'];

/** Ids that platforms and engines give, and those that nobody should. */
function idOf(choice: number, all: readonly CapturedSpan[]): string | undefined {
  const other = pick(all, choice >> 3);
  const traceId = other?.traceId ?? '';
  const dashed = traceId.replace(/^(.{8})(.{4})(.{4})(.{4})/u, '$1-$2-$3-$4-');
  return pick([undefined, '', 'a', 'b', 'conv-42', traceId, dashed, other?.spanId], choice & 7);
}

function pick<T>(values: readonly T[], choice: number): T | undefined {
  return values[choice % values.length];
}

/** A change of one attribute, or its loss. */
function set(name: string, valueOf: (choice: number, all: readonly CapturedSpan[]) => unknown): Change {
  return (span, choice, all) => {
    const entries = Object.entries({ ...span.attributes, [name]: valueOf(choice, all) });
    return { ...span, attributes: Object.fromEntries(entries.filter(([, value]) => value !== undefined)) };
  };
}

function ofEvents(name: string, valueOf: (choice: number, all: readonly CapturedSpan[]) => unknown): Change {
  return (span, choice, all) => ({
    ...span,
    events: span.events.map((event) => ({
      ...event,
      attributes: { ...event.attributes, [name]: valueOf(choice, all) ?? '' },
    })),
  });
}

const changes: readonly Change[] = [
  // Below another span, of the same trace or not: parents may come to form a ring.
  (span, choice, all) => {
    const parent = pick(all, choice);
    return { ...span, traceId: parent?.traceId ?? span.traceId, parentSpanId: parent?.spanId };
  },
  (span, choice, all) => ({
    ...span,
    parentSpanId: pick(
      all.filter(({ traceId }) => traceId === span.traceId),
      choice,
    )?.spanId,
  }),
  (span) => ({ ...span, parentSpanId: undefined, parentIsRemote: undefined }),
  (span, choice) => ({ ...span, status: choice % 2 === 0 ? 'error' : 'unset' }),
  (span, choice) => ({ ...span, kind: pick(kinds, choice) ?? 'internal' }),
  (span, choice) => {
    const delay = BigInt((choice % 9) - 4) * 1_000_000n;
    return { ...span, start: span.start + delay, end: span.end + delay };
  },
  (span) => ({ ...span, resource: Object.fromEntries(Object.entries(span.resource).toReversed()) }),
  (span, choice) => ({ ...span, resource: { 'service.name': choice % 2 === 0 ? 'stock' : 'shop' } }),
  (span, choice, all) => ({ ...span, name: `${span.name} ${idOf(choice, all) ?? ''}` }),
  (span, choice, all) => set('mcp.method.name', () => 'tools/call')({ ...span, name: 'tools/call add' }, choice, all),
  (span, choice, all) => {
    const { traceId = '', spanId = '' } = pick(all, choice) ?? {};
    return { ...span, links: [{ traceId, spanId, attributes: { 'turnkeeper.link.kind': 'previous_turn' } }] };
  },
  ...idNames.map((name) => set(name, idOf)),
  ...wordNames.map((name) => set(name, (choice) => pick(words, choice))),
  set('gen_ai.operation.name', (choice) => pick(operations, choice)),
  set('turnkeeper.engine.session.id', (choice) => pick(['', 'a', 'engine-1'], choice)),
  set('gen_ai.response.id', (choice) => pick(['', 'r1', 'r2'], choice)),
  set('gen_ai.usage.input_tokens', (choice) => pick(counts, choice)),
  set('gen_ai.usage.output_tokens', (choice) => pick(counts, choice)),
  set('gen_ai.prompt.0.content', () => 'hello'),
  ofEvents('session.id', idOf),
  ofEvents('gen_ai.conversation.id', idOf),
  ofEvents('gen_ai.prompt.0.content', () => 'hello'),
];

/** Makes a span a copy of another one that differs from it. */
export const asCopy: Change = (span, choice, all) => {
  const { traceId, spanId } = pick(all, choice) ?? span;
  return { ...span, traceId, spanId };
};

/** Some of these spans, in any order, with up to so many changes that rules ask about. */
export function changedSpans(
  spans: readonly CapturedSpan[],
  most: number,
  more: readonly Change[] = [],
): fc.Arbitrary<readonly CapturedSpan[]> {
  const change = fc.tuple(fc.nat(), fc.constantFrom(...changes, ...more), fc.nat(1_000));
  return fc
    .tuple(fc.shuffledSubarray([...spans], { minLength: 1 }), fc.array(change, { maxLength: most }))
    .map(([some, chosen]) => {
      const all = [...some];
      for (const [target, changeOf, choice] of chosen) {
        const at = target % all.length;
        const span = all[at];
        if (span !== undefined) all[at] = changeOf(span, choice, all);
      }
      return all;
    });
}
