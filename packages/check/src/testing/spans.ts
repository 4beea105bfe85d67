import { captureRecords, type Capture } from '../capture.ts';
import type { Rule, Violation } from '../rule.ts';
import type { CapturedLog, CapturedMetric } from '../signals.ts';
import type { CapturedSpan, SpanKind, SpanStatus } from '../span.ts';

/** A span of a literal conversation: what differs from the good one, and what hangs below it. */
export interface SpanLiteral {
  readonly name: string;
  readonly kind?: SpanKind;
  /** The id it is stamped with; null: none. Left out: the parent's. */
  readonly session?: string | null;
  /** The run that begins here. */
  readonly engine?: string;
  /** Attributes beside those of the session; undefined takes one away. */
  readonly attributes?: Readonly<Record<string, unknown>>;
  readonly status?: SpanStatus;
  /** Milliseconds since the start of the trace; default: one after another. */
  readonly start?: number;
  readonly end?: number;
  /** A name by which `links` of other spans find this one. */
  readonly label?: string;
  /** Labels of the turns before, or `absent` for one that is not there. */
  readonly links?: readonly string[];
  /** Attributes of `run.start` events; default for a root: one that agrees with the span. */
  readonly starts?: readonly Readonly<Record<string, unknown>>[];
  /** Its other events. */
  readonly events?: readonly { readonly name: string; readonly attributes: Readonly<Record<string, unknown>> }[];
  /** Where the parent is, for a span at the top of its trace. */
  readonly parent?: 'remote' | 'missing' | 'unknown';
  readonly resource?: Readonly<Record<string, unknown>>;
  readonly children?: readonly SpanLiteral[];
}

type LogLiteral = Pick<CapturedLog, 'name' | 'attributes'>;
type MetricLiteral = Pick<CapturedMetric, 'name' | 'series'>;

type Rest = Omit<SpanLiteral, 'name' | 'children'>;

/** A turn as an adapter writes it: the root of a run of the engine `pi`. */
export function turn(
  session: string | null,
  rest: Rest = {},
  children: readonly SpanLiteral[] = [chat()],
): SpanLiteral {
  const attributes = {
    'gen_ai.operation.name': 'invoke_agent',
    'gen_ai.agent.name': 'pi',
    'gen_ai.provider.name': 'pi',
    ...rest.attributes,
  };
  return { name: 'invoke_agent pi', engine: 'pi', session, children, ...rest, attributes };
}

/** A model call. */
export function chat(rest: Rest = {}, children: readonly SpanLiteral[] = []): SpanLiteral {
  const attributes = {
    'gen_ai.operation.name': 'chat',
    'gen_ai.request.model': 'm1',
    'gen_ai.provider.name': 'openai',
    ...rest.attributes,
  };
  return { name: 'chat m1', kind: 'client', children, ...rest, attributes };
}

/** A tool call. */
export function tool(rest: Rest = {}, children: readonly SpanLiteral[] = []): SpanLiteral {
  const attributes = { 'gen_ai.operation.name': 'execute_tool', 'gen_ai.tool.name': 'add', ...rest.attributes };
  return { name: 'execute_tool add', children, ...rest, attributes };
}

/** A span of the caller, or of another instrumentation. */
export function other(name: string, rest: Rest = {}, children: readonly SpanLiteral[] = []): SpanLiteral {
  return { name, children, ...rest };
}

/** The spans of some traces. Each trace is the list of the spans at its top. Ids count up; times are fixed. */
export function spansOf(...traces: readonly (SpanLiteral | readonly SpanLiteral[])[]): readonly CapturedSpan[] {
  const builder = new Builder();
  for (const trace of traces) builder.add('name' in trace ? [trace] : trace);
  return builder.spans.map((build) => build());
}

/** The same as a capture. */
export function captureOf(...traces: readonly (SpanLiteral | readonly SpanLiteral[])[]): Capture {
  return captureRecords({ spans: spansOf(...traces) });
}

/** The same as a capture, with log events and metrics. */
export function captureWith(
  { logs = [], metrics = [] }: { readonly logs?: readonly LogLiteral[]; readonly metrics?: readonly MetricLiteral[] },
  ...traces: readonly (SpanLiteral | readonly SpanLiteral[])[]
): Capture {
  const nowhere = { traceId: '', spanId: '', place: undefined };
  return captureRecords({
    spans: spansOf(...traces),
    logs: logs.map((log) => ({ ...nowhere, time: epoch, resource: {}, ...log })),
    metrics: metrics.map((metric) => ({ ...nowhere, ...metric })),
  });
}

/** What one rule says of some traces, in words. */
export function judge(rule: Rule, ...traces: readonly (SpanLiteral | readonly SpanLiteral[])[]): readonly string[] {
  return violations(rule, ...traces).map(({ what }) => what);
}

/** What one rule finds in some traces. */
export function violations(
  rule: Rule,
  ...traces: readonly (SpanLiteral | readonly SpanLiteral[])[]
): readonly Violation[] {
  return [...rule.judge(captureOf(...traces).index)];
}

const epoch = 1_700_000_000_000n * 1_000_000n;
const genAi = new Set<unknown>(['chat', 'invoke_agent', 'invoke_workflow']);

class Builder {
  readonly spans: (() => CapturedSpan)[] = [];
  readonly #labels = new Map<string, { readonly traceId: string; readonly spanId: string }>();
  readonly #resource = { 'service.name': 'shop', 'process.pid': 7 };
  #traces = 0;
  #clock = 0;
  #base = 0;

  add(tops: readonly SpanLiteral[]): void {
    this.#traces += 1;
    this.#clock += 1_000;
    this.#base = this.#clock;
    const traceId = `a${this.#traces.toString(16).padStart(31, '0')}`;
    for (const top of tops) this.#span(top, traceId, undefined, undefined);
  }

  #span(literal: SpanLiteral, traceId: string, parent: CapturedIds | undefined, inherited: string | undefined): number {
    const order = this.spans.length;
    const spanId = `b${(order + 1).toString(16).padStart(15, '0')}`;
    const session = literal.session === undefined ? inherited : (literal.session ?? undefined);
    const begin = literal.start === undefined ? (this.#clock += 1) : this.#base + literal.start;
    const ids = { traceId, spanId };
    if (literal.label !== undefined) this.#labels.set(literal.label, ids);
    let end = begin + 1;
    const position = this.spans.push(() => build()) - 1;
    for (const child of literal.children ?? []) end = Math.max(end, this.#span(child, traceId, ids, session) + 1);
    this.#clock = Math.max(this.#clock, end);
    // An end that is given may lie after the start of the next trace.
    if (literal.end !== undefined) end = this.#base + literal.end;

    const build = (): CapturedSpan => ({
      ...ids,
      parentSpanId: parent?.spanId ?? (literal.parent === undefined ? undefined : 'f'.repeat(16)),
      parentIsRemote:
        parent !== undefined
          ? false
          : { remote: true, missing: false, unknown: undefined }[literal.parent ?? 'unknown'],
      name: literal.name,
      kind: literal.kind ?? 'internal',
      start: epoch + BigInt(begin) * 1_000_000n,
      end: epoch + BigInt(end) * 1_000_000n,
      status: literal.status ?? 'unset',
      statusMessage: undefined,
      attributes: attributesOf(literal, session),
      events: [
        ...startsOf(literal, session).map((attributes) => ({ name: 'run.start', attributes })),
        ...(literal.events ?? []),
      ].map((event) => ({ ...event, time: epoch })),
      links: (literal.links ?? []).map((label) => ({
        ...(this.#labels.get(label) ?? { traceId: 'e'.repeat(32), spanId: 'e'.repeat(16) }),
        attributes: { 'turnkeeper.link.kind': 'previous_turn' },
      })),
      resource: literal.resource ?? this.#resource,
      order: position,
      place: undefined,
    });
    return end;
  }
}

interface CapturedIds {
  readonly traceId: string;
  readonly spanId: string;
}

function attributesOf(literal: SpanLiteral, session: string | undefined): Readonly<Record<string, unknown>> {
  const attributes = {
    'session.id': session,
    ...(literal.engine === undefined ? {} : { 'turnkeeper.engine.name': literal.engine }),
    ...(literal.engine === undefined || session === undefined ? {} : { 'turnkeeper.session.source': 'explicit' }),
    ...(genAi.has(literal.attributes?.['gen_ai.operation.name']) ? { 'gen_ai.conversation.id': session } : {}),
    ...literal.attributes,
  };
  return Object.fromEntries(Object.entries(attributes).filter(([, value]) => value !== undefined));
}

function startsOf(literal: SpanLiteral, session: string | undefined): readonly Readonly<Record<string, unknown>>[] {
  if (literal.starts !== undefined) return literal.starts;
  return literal.engine === undefined || session === undefined ? [] : [{ 'session.id': session }];
}
