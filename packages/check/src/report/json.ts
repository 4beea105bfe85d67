import type { Finding } from '../check.ts';
import type { Summary } from '../summary.ts';

/** A check's result as one JSON document, for programs. */
export function reportJson(summary: Summary, findings: readonly Finding[]): string {
  const { spans, traces, sessions, turns } = summary;
  return `${JSON.stringify({ spans, traces, sessions, turns, findings }, undefined, 2)}\n`;
}
