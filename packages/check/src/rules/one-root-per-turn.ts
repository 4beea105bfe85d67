import { ATTR_GEN_AI_OPERATION_NAME, OPERATION_CHAT } from '@turnkeeper/instrumentation/semconv';
import { quote, type Rule } from '../rule.ts';
import type { CapturedSpan } from '../span.ts';
import type { Run, SpanIndex } from '../span-index.ts';

/** A run has one root, also when the engine retries or compacts. */
export const oneRootPerTurn: Rule = {
  id: 'one-root-per-turn',
  severity: 'error',
  basis: 'policy',
  asserts:
    'No two roots of one engine and session begin in one trace without a span of the caller, a tool or an agent between them.',
  why: 'One question of the user counts as two turns: tokens, durations and error rates per turn are wrong.',
  fix: 'Attach one instrumentation to the engine; an adapter must keep a retry or a compaction inside the run that it belongs to.',
  *judge(index) {
    const tops = new Map<string, Run>();
    for (const run of index.runs) {
      const first = rootWithoutCaller(index, run, tops);
      if (first === undefined) continue;
      yield {
        at: run.root,
        what: `The run ${quote(run.root.name)} begins in the trace of ${quote(first.root.name)}, of the same engine and session, and nothing of the caller is between them.`,
      };
    }
  },
};

/** The root that this one repeats: the one right above it, or one that also stands at the top of the trace. */
function rootWithoutCaller(index: SpanIndex, run: Run, tops: Map<string, Run>): Run | undefined {
  let top = run.root;
  // Parents may form a ring.
  const climbed = new Set([run.root]);
  for (let above = index.parentOf(top); above !== undefined && !climbed.has(above); above = index.parentOf(above)) {
    climbed.add(above);
    const outer = index.runOf(above);
    if (outer?.root === above && isSame(outer, run)) return outer;
    if (!isChat(above)) return undefined;
    top = above;
  }
  // A parent in another process, or one that is missing, is a span of the caller.
  if (top.parentSpanId !== undefined) return undefined;
  const key = JSON.stringify([top.traceId, run.engine, run.session]);
  const first = tops.get(key);
  if (first === undefined) tops.set(key, run);
  return first;
}

function isSame(left: Run, right: Run): boolean {
  return left.engine === right.engine && left.session === right.session;
}

/** A model call starts no run by itself: a run below it was started by the run around it. */
function isChat(span: CapturedSpan): boolean {
  return span.attributes[ATTR_GEN_AI_OPERATION_NAME] === OPERATION_CHAT;
}
