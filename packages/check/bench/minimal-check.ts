/** A span as JSON.parse gives it. */
export interface ParsedSpan {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly flags?: number;
  readonly attributes?: readonly {
    readonly key: string;
    readonly value: { readonly stringValue?: string; readonly intValue?: string };
  }[];
  readonly links?: readonly { readonly traceId: string; readonly spanId: string }[];
}

interface Kept {
  readonly id: string;
  readonly parent: string;
  readonly isRemote: boolean;
  readonly session: string;
  readonly isRun: boolean;
  readonly link: string;
}

interface OpenTrace {
  readonly spans: Kept[];
  lastSeen: number;
}

const patience = 100_000;

/**
 * What a good engineer would write in an afternoon: five of the rules, as spans go by, with the memory of open traces.
 * It finds which traces are wrong and says no more of them. The bench compares with it, so it is quick where it can be.
 */
export class MinimalCheck {
  seen = 0;
  /** Traces in which a span is not stamped or stamped otherwise, has no parent, or a turn does not follow the last. */
  readonly wrong: Set<string> = new Set();
  readonly #open = new Map<string, OpenTrace>();
  /** By session: the span of its last turn. */
  readonly #lastTurns = new Map<string, string>();

  add(span: ParsedSpan): void {
    let [session, conversation, isRun] = ['', '', false];
    for (const { key, value } of span.attributes ?? []) {
      if (key === 'session.id') session = value.stringValue ?? '';
      else if (key === 'gen_ai.conversation.id') conversation = value.stringValue ?? '';
      else if (key === 'turnkeeper.engine.name') isRun = true;
    }
    if (conversation !== '' && conversation !== session) this.wrong.add(span.traceId);
    this.seen += 1;
    let trace = this.#open.get(span.traceId);
    if (trace === undefined) {
      trace = { spans: [], lastSeen: 0 };
      this.#open.set(span.traceId, trace);
    }
    trace.lastSeen = this.seen;
    trace.spans.push({
      id: span.spanId,
      parent: span.parentSpanId ?? '',
      isRemote: ((span.flags ?? 0) & 0x200) !== 0,
      session,
      isRun,
      link: span.links?.[0]?.spanId ?? '',
    });
    if (this.seen % (patience / 32) === 0) this.#sweep(patience);
  }

  finish(): void {
    this.#sweep(-1);
  }

  #sweep(idle: number): void {
    for (const [id, trace] of this.#open) {
      if (this.seen - trace.lastSeen <= idle) continue;
      this.#open.delete(id);
      if (!this.#isWhole(trace.spans)) this.wrong.add(id);
    }
  }

  #isWhole(spans: readonly Kept[]): boolean {
    const root = spans.find(({ isRun }) => isRun);
    const last = this.#lastTurns.get(root?.session ?? '') ?? '';
    if (root !== undefined) this.#lastTurns.set(root.session, root.id);
    const ids = new Set(spans.map(({ id }) => id));
    for (const { parent, isRemote, session } of spans) {
      if (root !== undefined && session !== root.session) return false;
      if (parent !== '' && !isRemote && !ids.has(parent)) return false;
    }
    return root === undefined || root.link === last;
  }
}
