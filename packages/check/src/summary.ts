import type { Capture } from './capture.ts';
import { turnsOf } from './span-index.ts';

/** How much was looked at. */
export interface Summary {
  readonly spans: number;
  readonly traces: number;
  /** Distinct session ids, on whichever span. */
  readonly sessions: number;
  /** Runs that a person would count as turns: no enclosed runs, no tasks of the engine's own. */
  readonly turns: number;
}

/** Counts what a capture holds. */
export function summarize({ index }: Capture): Summary {
  return {
    spans: index.spans.length,
    traces: index.traces.size,
    sessions: index.sessions.size,
    turns: turnsOf(index.runs).length,
  };
}
