import type { Place } from './span.ts';
import type { SpanIndex } from './span-index.ts';

/** How bad a finding is: an error fails a check, a warning does not. */
export type Severity = 'error' | 'warn';

/** What a user makes of a rule: nothing, a warning or an error. */
export type Level = 'off' | Severity;

/** Something that was recorded and can be pointed to: a span, a log event or a metric. */
export interface Evidence {
  /** Empty where it belongs to no trace: a metric, a log event outside every span. */
  readonly traceId: string;
  readonly spanId: string;
  readonly place: Place | undefined;
}

/** What a rule found wrong about one thing. What it leaves out, the rule says for all. */
export interface Violation {
  readonly at: Evidence;
  /** One sentence that names the thing and what is wrong with it. */
  readonly what: string;
  readonly why?: string;
  readonly fix?: string;
  /** Where this violation is better or worse than the rule's others. */
  readonly severity?: Severity;
}

/** One thing that must hold in traces. Rules are stateless: `judge` sees everything at once and may be called again. */
export interface Rule {
  /** Its name on the command line, in findings and in the documentation. */
  readonly id: string;
  readonly severity: Severity;
  /** `convention`: the text of OpenTelemetry's conventions. `policy`: ours, derived from them. */
  readonly basis: 'convention' | 'policy';
  /** What holds when all is well, in one sentence. */
  readonly asserts: string;
  /** Why it matters when it does not hold. */
  readonly why: string;
  /** How to mend it. */
  readonly fix: string;
  judge(index: SpanIndex): Iterable<Violation>;
}

/** Text of a trace in quotes, as violations speak of it. */
export function quote(text: string): string {
  return JSON.stringify(text);
}
