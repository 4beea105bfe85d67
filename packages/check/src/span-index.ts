import {
  ATTR_GEN_AI_CONVERSATION_ID,
  ATTR_GEN_AI_OPERATION_NAME,
  ATTR_SESSION_ID,
  ATTR_TURNKEEPER_ENGINE_NAME,
  ATTR_TURNKEEPER_ENGINE_SESSION_ID,
  ATTR_TURNKEEPER_SESSION_SOURCE,
  EVENT_RUN_START,
  OPERATION_INVOKE_AGENT,
  OPERATION_INVOKE_WORKFLOW,
} from '@turnkeeper/instrumentation/semconv';
import type { Batch, CapturedLog, CapturedMetric } from './signals.ts';
import { byStart, type CapturedSpan, sessionOf, type SpanEvent, textOf } from './span.ts';
import { preferCopy } from './span-copies.ts';

/** One run of an engine: its root span and everything below it, down to the roots of the runs that it encloses. */
export interface Run {
  readonly root: CapturedSpan;
  readonly engine: string;
  /** The id that the root is stamped with. */
  readonly session: string | undefined;
  /** Nothing in this run says a word of a session: nobody gave an id, so none was written. */
  readonly isSessionless: boolean;
  /** A turn of a conversation; false for a task of the engine's own, such as a compaction. */
  readonly isTurn: boolean;
  /** The run that encloses this one. */
  readonly parent: Run | undefined;
  /** The nearest run around this one that has a session. */
  readonly outer: Run | undefined;
  /** The root and its descendants without those of enclosed runs, by start. */
  readonly spans: readonly CapturedSpan[];
  /** The root's `run.start` events; one, when all is well. */
  readonly starts: readonly SpanEvent[];
}

/** Where spans hang, which run they belong to, which runs make a session: worked out once, for every rule to read. */
export interface SpanIndex {
  /** Every span once, by start. */
  readonly spans: readonly CapturedSpan[];
  /** The spans of each trace by start; traces by the start of their first span. */
  readonly traces: ReadonlyMap<string, readonly CapturedSpan[]>;
  /** Every run, by the start of its root. */
  readonly runs: readonly Run[];
  /** The runs of each session, by start. Sessions that are only named by spans outside every run have none. */
  readonly sessions: ReadonlyMap<string, readonly Run[]>;
  readonly logs: readonly CapturedLog[];
  readonly metrics: readonly CapturedMetric[];
  /** Every `turnkeeper.engine.session.id` in the input. */
  readonly engineSessions: ReadonlySet<string>;
  /** The span with these ids, if the input holds it. */
  find(traceId: string, spanId: string): CapturedSpan | undefined;
  /** The span above, if there is one and the input holds it. */
  parentOf(span: CapturedSpan): CapturedSpan | undefined;
  /** The spans right below, by start. */
  childrenOf(span: CapturedSpan): readonly CapturedSpan[];
  /** The innermost run that a span belongs to, as its root or below it. */
  runOf(span: CapturedSpan): Run | undefined;
}

/** Turns that nothing encloses: what a person would count as the turns of a conversation. */
export function turnsOf(runs: readonly Run[]): readonly Run[] {
  return runs.filter((run) => run.isTurn && run.parent === undefined);
}

interface OpenRun {
  readonly root: CapturedSpan;
  readonly spans: CapturedSpan[];
  readonly parent: OpenRun | undefined;
}

interface Membership {
  readonly run: OpenRun | undefined;
  readonly depth: number;
}

/**
 * Works the index of some records out. A span that is there twice, as after a repeated export, counts once; of copies that
 * differ it is the same one in whatever order they come.
 */
export function indexRecords({ spans: input = [], logs = [], metrics = [] }: Partial<Batch>): SpanIndex {
  const byId = new Map<string, CapturedSpan>();
  for (const span of input) {
    const key = keyOf(span.traceId, span.spanId);
    const known = byId.get(key);
    byId.set(key, known === undefined ? span : preferCopy(known, span));
  }
  const parentOf = (span: CapturedSpan): CapturedSpan | undefined =>
    span.parentSpanId === undefined ? undefined : byId.get(keyOf(span.traceId, span.parentSpanId));
  const memberships = findMemberships(byId.values(), parentOf);
  const depthOf = (span: CapturedSpan): number => memberships.get(span)?.depth ?? 0;
  // Start times are coarse: what begins in the same millisecond as its parent still comes after it.
  const spans = [...byId.values()].toSorted((left, right) =>
    left.start === right.start ? depthOf(left) - depthOf(right) || left.order - right.order : byStart(left, right),
  );

  const traces = new Map<string, CapturedSpan[]>();
  const children = new Map<CapturedSpan, CapturedSpan[]>();
  const sessions = new Map<string, Run[]>();
  const engineSessions = new Set<string>();
  for (const span of spans) {
    append(traces, span.traceId, span);
    const parent = parentOf(span);
    if (parent !== undefined) append(children, parent, span);
    const session = sessionOf(span);
    if (session !== undefined && !sessions.has(session)) sessions.set(session, []);
    const engineSession = textOf(span.attributes, ATTR_TURNKEEPER_ENGINE_SESSION_ID);
    if (engineSession !== undefined) engineSessions.add(engineSession);
  }

  for (const span of spans) memberships.get(span)?.run?.spans.push(span);
  const finished = new Map<OpenRun, Run>();
  for (const [span, { run }] of memberships) {
    if (run?.root === span) finished.set(run, finishRun(run, run.parent && finished.get(run.parent)));
  }
  const runOf = (span: CapturedSpan): Run | undefined => {
    const open = memberships.get(span)?.run;
    return open && finished.get(open);
  };
  const runs = spans.flatMap((span) => {
    const run = runOf(span);
    return run?.root === span ? [run] : [];
  });
  for (const run of runs) if (run.session !== undefined) append(sessions, run.session, run);

  return {
    spans,
    traces,
    runs,
    sessions,
    logs,
    metrics,
    engineSessions,
    find: (traceId, spanId) => byId.get(keyOf(traceId, spanId)),
    parentOf,
    childrenOf: (span) => children.get(span) ?? [],
    runOf,
  };
}

/**
 * The innermost run of every span, and how deep it hangs; a span comes after what it hangs below. Needs no recursion and
 * survives parents that form a ring.
 */
function findMemberships(
  spans: Iterable<CapturedSpan>,
  parentOf: (span: CapturedSpan) => CapturedSpan | undefined,
): ReadonlyMap<CapturedSpan, Membership> {
  const known = new Map<CapturedSpan, Membership>();
  for (const span of spans) {
    const path: CapturedSpan[] = [];
    const walked = new Set<CapturedSpan>();
    let above: CapturedSpan | undefined = span;
    while (above !== undefined && !known.has(above) && !walked.has(above)) {
      path.push(above);
      walked.add(above);
      above = parentOf(above);
    }
    const top: Membership = { run: undefined, depth: 0 };
    let { run, depth } = (above && known.get(above)) ?? top;
    // Of spans in a ring none is above the others, wherever it was entered.
    const ring = above && walked.has(above) ? new Set(path.slice(path.indexOf(above))) : undefined;
    for (const below of path.toReversed()) {
      if (ring?.has(below)) ({ run, depth } = top);
      const beginsRun = textOf(below.attributes, ATTR_TURNKEEPER_ENGINE_NAME) !== undefined;
      if (beginsRun) run = { root: below, spans: [], parent: run };
      known.set(below, { run, depth: (depth += 1) });
    }
  }
  return known;
}

function finishRun({ root, spans }: OpenRun, parent: Run | undefined): Run {
  const operation = root.attributes[ATTR_GEN_AI_OPERATION_NAME];
  const starts = root.events.filter((event) => event.name === EVENT_RUN_START);
  return {
    root,
    engine: textOf(root.attributes, ATTR_TURNKEEPER_ENGINE_NAME) ?? '',
    session: sessionOf(root),
    isSessionless: !namesSession(root) && !starts.some(startNamesSession) && spans.every((span) => !sessionOf(span)),
    isTurn: operation === OPERATION_INVOKE_AGENT || operation === OPERATION_INVOKE_WORKFLOW,
    parent,
    outer: parent?.session === undefined ? parent?.outer : parent,
    spans,
    starts,
  };
}

function namesSession(root: CapturedSpan): boolean {
  return [ATTR_SESSION_ID, ATTR_GEN_AI_CONVERSATION_ID, ATTR_TURNKEEPER_SESSION_SOURCE].some((name) =>
    textOf(root.attributes, name),
  );
}

function startNamesSession(start: SpanEvent): boolean {
  return textOf(start.attributes, ATTR_SESSION_ID) !== undefined;
}

function append<K, V>(lists: Map<K, V[]>, key: K, value: V): void {
  const list = lists.get(key);
  if (list === undefined) lists.set(key, [value]);
  else list.push(value);
}

function keyOf(traceId: string, spanId: string): string {
  return `${traceId}:${spanId}`;
}
