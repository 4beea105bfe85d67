import {
  ATTR_ERROR_TYPE,
  ATTR_GEN_AI_CONVERSATION_ID,
  ATTR_SESSION_ID,
  ATTR_TURNKEEPER_LINK_KIND,
  LINK_KIND_PREVIOUS_TURN,
} from '@turnkeeper/instrumentation/semconv';
import { type CapturedSpan, parentSessionOf, sessionOf, type SpanLink, textOf } from './span.ts';
import type { SpanIndex } from './span-index.ts';

/** How a tree is drawn. */
export interface TreeOptions {
  /** What to write beside a span, so that a reader's eye falls on it. */
  readonly marks?: ReadonlyMap<CapturedSpan, readonly string[]>;
  /** Draw these traces only. */
  readonly traces?: ReadonlySet<string>;
}

/**
 * Spans as indented text: no ids, no times, so that it stays the same from run to run. A session is named where it
 * begins or changes. A span of a run without one reads `[no session]`; a parent that the input lacks is said too.
 */
export function drawTree(index: SpanIndex, options: TreeOptions = {}): string {
  const lines: string[] = [];
  const drawn = new Set<CapturedSpan>();
  const draw = (top: CapturedSpan): void => {
    const stack: { readonly span: CapturedSpan; readonly depth: number }[] = [{ span: top, depth: 0 }];
    for (let next = stack.pop(); next !== undefined; next = stack.pop()) {
      const { span, depth } = next;
      if (drawn.has(span)) continue;
      drawn.add(span);
      lines.push(drawLine(index, span, depth, options.marks));
      for (const child of index.childrenOf(span).toReversed()) stack.push({ span: child, depth: depth + 1 });
    }
  };
  for (const [traceId, spans] of index.traces) {
    if (options.traces !== undefined && !options.traces.has(traceId)) continue;
    for (const span of spans) if (index.parentOf(span) === undefined) draw(span);
    // Parents that form a ring have no top; they are drawn from wherever the ring is entered.
    for (const span of spans) if (!drawn.has(span)) draw(span);
  }
  return lines.join('\n');
}

function drawLine(
  index: SpanIndex,
  span: CapturedSpan,
  depth: number,
  marks: ReadonlyMap<CapturedSpan, readonly string[]> | undefined,
): string {
  const words = [
    printable(span.name),
    drawSession(index, span),
    drawRunStart(index, span),
    drawParent(index, span),
    ...span.links.map((link) => drawLink(index, span, link)),
    span.status === 'error' ? `(error ${printable(textOf(span.attributes, ATTR_ERROR_TYPE) ?? 'without a type')})` : '',
  ];
  const marked = marks?.get(span) ?? [];
  const gutter = marks === undefined ? '' : marked.length > 0 ? '> ' : '  ';
  const note = marked.length > 0 ? `   <-- ${marked.join('; ')}` : '';
  return gutter + '  '.repeat(depth) + words.filter((word) => word !== '').join(' ') + note;
}

function drawSession(index: SpanIndex, span: CapturedSpan): string {
  const parent = index.parentOf(span);
  const session = sessionOf(span);
  const conversation = textOf(span.attributes, ATTR_GEN_AI_CONVERSATION_ID);
  if (session === undefined && index.runOf(span) === undefined && conversation === undefined) return '';
  const said = [session === undefined ? 'no session' : `session ${printable(session)}`];
  if (conversation !== undefined && conversation !== session) said.push(`conversation ${printable(conversation)}`);
  const isQuiet = said.length === 1 && session !== undefined && parent !== undefined && sessionOf(parent) === session;
  if (isQuiet) return '';
  const enclosing = parentSessionOf(span);
  if (enclosing !== undefined) said.push(`inside ${printable(enclosing)}`);
  return `[${said.join(', ')}]`;
}

function drawRunStart(index: SpanIndex, span: CapturedSpan): string {
  const run = index.runOf(span);
  if (run?.root !== span) return '';
  const starts = run.starts.map((start) => {
    const session = textOf(start.attributes, ATTR_SESSION_ID);
    return session === run.session ? 'run.start' : `run.start[session ${printable(session ?? 'absent')}]`;
  });
  return starts.length === 0 ? 'no run.start' : starts.join(' ');
}

function drawParent(index: SpanIndex, span: CapturedSpan): string {
  if (span.parentSpanId === undefined || index.parentOf(span) !== undefined) return '';
  return span.parentIsRemote === true ? '(remote parent)' : '(parent missing)';
}

function drawLink(index: SpanIndex, span: CapturedSpan, link: SpanLink): string {
  const target = index.find(link.traceId, link.spanId);
  const isTurn = link.attributes[ATTR_TURNKEEPER_LINK_KIND] === LINK_KIND_PREVIOUS_TURN;
  const arrow = `-> ${isTurn ? 'previous turn' : 'link'}`;
  if (target === undefined) return `${arrow} (absent)`;
  const session = sessionOf(target);
  return session === sessionOf(span) ? arrow : `${arrow}[session ${printable(session ?? 'absent')}]`;
}

/** Text of a trace on one line: control characters, and those that turn the direction of writing, as escapes. */
export function printable(text: string): string {
  return text.replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, (character) => {
    const code = character.codePointAt(0) ?? 0;
    return code > 0xffff ? `\\u{${code.toString(16)}}` : `\\u${code.toString(16).padStart(4, '0')}`;
  });
}
