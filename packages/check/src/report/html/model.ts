import {
  ATTR_ERROR_TYPE,
  ATTR_GEN_AI_OPERATION_NAME,
  ATTR_GEN_AI_USAGE_INPUT_TOKENS,
  ATTR_GEN_AI_USAGE_OUTPUT_TOKENS,
  ATTR_SERVICE_NAME,
  ATTR_TURNKEEPER_LINK_KIND,
  LINK_KIND_PREVIOUS_TURN,
  OPERATION_CHAT,
} from '@turnkeeper/instrumentation/semconv';
import type { Capture } from '../../capture.ts';
import type { Finding } from '../../check.ts';
import { type Attributes, type CapturedSpan, sessionOf, textOf } from '../../span.ts';
import type { SpanIndex } from '../../span-index.ts';
import { summarize, type Summary } from '../../summary.ts';
import { printable } from '../../tree.ts';
import { divideIntoParts, type Part } from './parts.ts';

/** Everything that the page shows, as JSON. Times are milliseconds. */
export interface ReportModel {
  readonly summary: Summary;
  readonly conversations: readonly ConversationModel[];
  readonly findings: readonly FindingModel[];
  /** Findings of no span in here: of metrics and log events. */
  readonly looseFindings: readonly number[];
}

/** What a finding says. Spans point to it by its position. */
export type FindingModel = Omit<Finding, 'at'>;

/** One conversation, or what stands outside of all. */
export interface ConversationModel {
  /** Null for spans of no session. */
  readonly session: string | null;
  readonly turns: number;
  /** Since the epoch. */
  readonly start: number;
  readonly end: number;
  readonly spans: number;
  readonly inputTokens: number;
  readonly outputTokens: number;
  readonly failures: number;
  readonly errors: number;
  readonly warnings: number;
  readonly parts: readonly PartModel[];
}

/** A turn with all its spans, a task of the engine, or spans around them. */
export interface PartModel {
  readonly kind: Part['kind'];
  /** Of a turn, from 1; else 0. */
  readonly number: number;
  readonly traceId: string;
  /** Since the epoch. */
  readonly start: number;
  readonly duration: number;
  readonly inputTokens: number;
  readonly outputTokens: number;
  readonly failures: number;
  readonly findings: readonly number[];
  /** Parents before children, siblings by start. */
  readonly spans: readonly SpanModel[];
}

/** One span. */
export interface SpanModel {
  readonly id: string;
  readonly depth: number;
  readonly name: string;
  readonly kind: string;
  readonly operation: string;
  readonly service: string;
  readonly status: string;
  readonly error: string;
  /** Since the start of the part. */
  readonly start: number;
  /** Null for a span that has no end, or one before its start. */
  readonly duration: number | null;
  readonly session: string;
  readonly place: string;
  readonly attributes: Readonly<Record<string, string>>;
  readonly resource: Readonly<Record<string, string>>;
  readonly events: readonly {
    readonly name: string;
    readonly at: number;
    readonly attributes: Readonly<Record<string, string>>;
  }[];
  readonly links: readonly { readonly label: string; readonly traceId: string; readonly spanId: string }[];
  readonly findings: readonly number[];
}

/** The model of a page: what was captured, ordered by conversation, with each finding where it is. */
export function modelReport(capture: Capture, findings: readonly Finding[]): ReportModel {
  const { index } = capture;
  const bySpan = new Map<CapturedSpan, number[]>();
  const looseFindings: number[] = [];
  for (const [position, { at }] of findings.entries()) {
    const span = index.find(at.traceId, at.spanId);
    if (span === undefined) looseFindings.push(position);
    else {
      const known = bySpan.get(span);
      if (known === undefined) bySpan.set(span, [position]);
      else known.push(position);
    }
  }
  const parts = divideIntoParts(index);
  const conversations = [...Map.groupBy(parts, ({ session }) => session)].map(([session, own]) =>
    modelConversation(session, own, index, bySpan, findings),
  );
  return {
    summary: summarize(capture),
    // What stands outside of all conversations comes last.
    conversations: conversations.toSorted(
      (left, right) => Number(left.session === null) - Number(right.session === null) || left.start - right.start,
    ),
    // What turns the direction of writing would turn the sentence around it.
    findings: findings.map(({ at: _at, what, ...rest }) => ({ ...rest, what: printable(what) })),
    looseFindings,
  };
}

function modelConversation(
  session: string | undefined,
  own: readonly Part[],
  index: SpanIndex,
  bySpan: ReadonlyMap<CapturedSpan, readonly number[]>,
  findings: readonly Finding[],
): ConversationModel {
  let turns = 0;
  const parts = own
    .toSorted((left, right) => Number(startOf(left) - startOf(right)))
    .map((part) => modelPart(part, part.kind === 'turn' ? (turns += 1) : 0, index, bySpan));
  const found = parts.flatMap((part) => part.findings.map((position) => findings[position]?.severity));
  return {
    session: session ?? null,
    turns,
    start: parts.reduce((least, { start }) => Math.min(least, start), Number.POSITIVE_INFINITY),
    end: parts.reduce((most, { start, duration }) => Math.max(most, start + duration), Number.NEGATIVE_INFINITY),
    spans: sum(parts.map(({ spans }) => spans.length)),
    inputTokens: sum(parts.map(({ inputTokens }) => inputTokens)),
    outputTokens: sum(parts.map(({ outputTokens }) => outputTokens)),
    failures: sum(parts.map(({ failures }) => failures)),
    errors: found.filter((severity) => severity === 'error').length,
    warnings: found.filter((severity) => severity === 'warn').length,
    parts,
  };
}

function modelPart(
  { kind, spans }: Part,
  number: number,
  index: SpanIndex,
  bySpan: ReadonlyMap<CapturedSpan, readonly number[]>,
): PartModel {
  const start = spans.reduce(
    (least, { span }) => (span.start < least ? span.start : least),
    spans[0]?.span.start ?? 0n,
  );
  const end = spans.reduce((most, { span }) => (span.end > most ? span.end : most), start);
  const chats = spans.filter(({ span }) => span.attributes[ATTR_GEN_AI_OPERATION_NAME] === OPERATION_CHAT);
  return {
    kind,
    number,
    traceId: spans[0]?.span.traceId ?? '',
    start: milliseconds(start),
    duration: milliseconds(end - start),
    inputTokens: sum(chats.map(({ span }) => countOf(span, ATTR_GEN_AI_USAGE_INPUT_TOKENS))),
    outputTokens: sum(chats.map(({ span }) => countOf(span, ATTR_GEN_AI_USAGE_OUTPUT_TOKENS))),
    failures: spans.filter(({ span }) => span.status === 'error').length,
    findings: spans.flatMap(({ span }) => bySpan.get(span) ?? []),
    spans: spans.map(({ span, depth }) => modelSpan(span, depth, start, index, bySpan.get(span) ?? [])),
  };
}

function modelSpan(
  span: CapturedSpan,
  depth: number,
  origin: bigint,
  index: SpanIndex,
  findings: readonly number[],
): SpanModel {
  const { place } = span;
  return {
    id: span.spanId,
    depth,
    name: span.name,
    kind: span.kind,
    operation: textOf(span.attributes, ATTR_GEN_AI_OPERATION_NAME) ?? (index.runOf(span)?.root === span ? 'task' : ''),
    service: textOf(span.resource, ATTR_SERVICE_NAME) ?? '',
    status: span.status,
    error: span.status === 'error' ? (textOf(span.attributes, ATTR_ERROR_TYPE) ?? span.statusMessage ?? 'error') : '',
    start: milliseconds(span.start - origin),
    duration: span.end < span.start ? null : milliseconds(span.end - span.start),
    session: sessionOf(span) ?? '',
    place: place === undefined ? '' : `${place.file}${place.line === undefined ? '' : `:${place.line}`}`,
    attributes: modelAttributes(span.attributes),
    resource: modelAttributes(span.resource),
    events: span.events.map(({ name, time, attributes }) => ({
      name,
      at: milliseconds(time - origin),
      attributes: modelAttributes(attributes),
    })),
    links: span.links.map((link) => ({
      label: link.attributes[ATTR_TURNKEEPER_LINK_KIND] === LINK_KIND_PREVIOUS_TURN ? 'the turn before' : 'linked span',
      traceId: link.traceId,
      spanId: link.spanId,
    })),
    findings,
  };
}

function modelAttributes(attributes: Attributes): Readonly<Record<string, string>> {
  const pairs = Object.entries(attributes).toSorted(([left], [right]) => (left < right ? -1 : 1));
  return Object.fromEntries(pairs.map(([key, value]) => [key, typeof value === 'string' ? value : describe(value)]));
}

function describe(value: unknown): string {
  return JSON.stringify(value, (_key, inner: unknown) => (typeof inner === 'bigint' ? String(inner) : inner)) ?? '';
}

function countOf(span: CapturedSpan, name: string): number {
  const value = span.attributes[name];
  return typeof value === 'number' && Number.isFinite(value) ? value : 0;
}

function startOf({ spans: [first] }: Part): bigint {
  return first?.span.start ?? 0n;
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((left, right) => left + right, 0);
}

function milliseconds(nanoseconds: bigint): number {
  return Number(nanoseconds / 1_000n) / 1_000;
}
