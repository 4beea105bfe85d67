import type { ConversationModel, PartModel, ReportModel, SpanModel } from '../model.ts';

/** One line of the waterfall: a part's head, or one of its spans. */
export interface Row {
  readonly part: PartModel;
  /** Undefined for the head. */
  readonly span: SpanModel | undefined;
  readonly position: number;
}

/** How many findings of each severity. */
export interface FindingCounts {
  readonly errors: number;
  readonly warnings: number;
}

/** The lines that can be scrolled to: what is closed hides what is below it. */
export function layOutRows(
  conversation: ConversationModel | undefined,
  closed: ReadonlySet<PartModel | SpanModel>,
): readonly Row[] {
  const rows: Row[] = [];
  for (const part of conversation?.parts ?? []) {
    rows.push({ part, span: undefined, position: rows.length });
    if (closed.has(part)) continue;
    let hiddenBelow = Number.POSITIVE_INFINITY;
    for (const span of part.spans) {
      if (span.depth > hiddenBelow) continue;
      hiddenBelow = closed.has(span) ? span.depth : Number.POSITIVE_INFINITY;
      rows.push({ part, span, position: rows.length });
    }
  }
  return rows;
}

/** Whether a line can be opened and closed. */
export function canClose({ part, span }: Row): boolean {
  if (span === undefined) return part.spans.length > 0;
  return (part.spans[part.spans.indexOf(span) + 1]?.depth ?? 0) > span.depth;
}

/** Where the line above in the tree is; -1 for a part's head. */
export function positionAbove(rows: readonly Row[], { part, span, position }: Row): number {
  const depth = span?.depth ?? -1;
  return rows.findLastIndex((row, at) => at < position && row.part === part && (row.span?.depth ?? -1) < depth);
}

/** What a part is called. */
export function nameOfPart({ kind, number }: PartModel): string {
  if (kind === 'turn') return `Turn ${number}`;
  return kind === 'task' ? 'Task of the engine' : 'Spans of the caller';
}

/** What a conversation is called. */
export function nameOfConversation({ session }: ConversationModel): string {
  return session ?? 'Outside of conversations';
}

/** Counts findings that are given by their positions. */
export function countFindings(model: ReportModel, positions: readonly number[]): FindingCounts {
  const severities = positions.map((position) => model.findings[position]?.severity);
  return {
    errors: severities.filter((severity) => severity === 'error').length,
    warnings: severities.filter((severity) => severity === 'warn').length,
  };
}
