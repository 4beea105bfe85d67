import type { RunId } from '../../adapter.ts';

/** Runs whose promise never settles are forgotten, the oldest first. */
const MAX_RUNS = 20_000;

/** Enters what is known of a run that is open. Whoever enters it deletes it when the run is over. */
export function enterRun<Known>(runs: Map<RunId, Known>, run: RunId, known: Known): void {
  runs.set(run, known);
  if (runs.size <= MAX_RUNS) return;
  const oldest = runs.keys().next();
  if (!oldest.done) runs.delete(oldest.value);
}
