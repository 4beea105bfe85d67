import { type CapturedSpan, sessionOf } from '../../span.ts';
import type { Run, SpanIndex } from '../../span-index.ts';

/** Spans that are shown together: a turn of a conversation, a task of the engine, or spans around them. */
export interface Part {
  readonly session: string | undefined;
  readonly kind: 'turn' | 'task' | 'spans';
  /** Parents before children. */
  readonly spans: readonly PlacedSpan[];
}

/** A span and how deep it hangs in its part. */
export interface PlacedSpan {
  readonly span: CapturedSpan;
  readonly depth: number;
}

/**
 * Divides everything captured into parts: every span is in exactly one. A turn takes the spans above it along, such as
 * a server's, as long as there is no other turn below them.
 */
export function divideIntoParts(index: SpanIndex): readonly Part[] {
  const outermost = countOutermostRuns(index);
  const parts: Part[] = [];
  const taken = new Set<CapturedSpan>();
  const waiting = index.spans.filter((span) => index.parentOf(span) === undefined).toReversed();
  // Parents that form a ring have no top: whatever is left over afterwards begins a part of its own.
  const leftOver = index.spans.toReversed();
  const next = (): CapturedSpan | undefined => waiting.pop() ?? leftOver.pop();
  for (let top = next(); top !== undefined; top = next()) {
    if (taken.has(top)) continue;
    const runs = outermost.get(top) ?? [];
    if (runs.length > 1) {
      // A span of the caller above several turns stands by itself; each turn is a part.
      const sessions = new Set(runs.map(({ session }) => session));
      const [session] = sessions;
      taken.add(top);
      parts.push({
        session: sessions.size === 1 ? session : undefined,
        kind: 'spans',
        spans: [{ span: top, depth: 0 }],
      });
      for (const child of index.childrenOf(top).toReversed()) waiting.push(child);
    } else {
      const [run] = runs;
      const kind = run === undefined ? 'spans' : run.isTurn ? 'turn' : 'task';
      parts.push({
        session: run === undefined ? sessionOf(top) : run.session,
        kind,
        spans: collect(index, top, taken),
      });
    }
  }
  return parts;
}

/** The runs below each span (or at it) that no other run encloses. */
function countOutermostRuns(index: SpanIndex): ReadonlyMap<CapturedSpan, readonly Run[]> {
  const runs = new Map<CapturedSpan, Run[]>();
  for (const run of index.runs) {
    if (run.parent !== undefined) continue;
    const seen = new Set<CapturedSpan>();
    for (let span: CapturedSpan | undefined = run.root; span !== undefined && !seen.has(span);) {
      seen.add(span);
      const known = runs.get(span);
      if (known === undefined) runs.set(span, [run]);
      else known.push(run);
      span = index.parentOf(span);
    }
  }
  return runs;
}

function collect(index: SpanIndex, top: CapturedSpan, taken: Set<CapturedSpan>): readonly PlacedSpan[] {
  const spans: PlacedSpan[] = [];
  const stack: PlacedSpan[] = [{ span: top, depth: 0 }];
  for (let placed = stack.pop(); placed !== undefined; placed = stack.pop()) {
    const { span, depth } = placed;
    if (taken.has(span)) continue;
    taken.add(span);
    spans.push(placed);
    for (const child of index.childrenOf(span).toReversed()) stack.push({ span: child, depth: depth + 1 });
  }
  return spans;
}
