/** One way of doing the same work. `round` does it once; what it returns is waited for. */
export interface Contestant {
  readonly name: string;
  readonly round: () => unknown;
  /** Tidies up after a round, untimed: empties a batch, for one. */
  readonly rest?: () => unknown;
  /** Closes what it has opened, when all rounds are over. */
  readonly end?: () => unknown;
}

export interface Cost {
  readonly name: string;
  /** Microseconds for one piece of the work: the median of the quicker half of its rounds. */
  readonly value: number;
}

export interface CompareOptions {
  readonly warmUp: number;
  readonly rounds: number;
  /** How many pieces of work a round is. */
  readonly pieces: number;
}

/**
 * Runs contestants side by side, round by round, in turns: whatever else the machine does hits all of them alike. Rounds
 * are short, so that many pass without another program in between; processor time would be better, but systems count it
 * in ticks that are longer than a round.
 */
export async function compare(contestants: readonly Contestant[], options: CompareOptions): Promise<Cost[]> {
  const costs = contestants.map((): number[] => []);
  for (let round = -options.warmUp; round < options.rounds; round += 1) {
    for (const step of contestants.keys()) {
      // Nobody is always the one after the same other.
      const index = (step + Math.abs(round)) % contestants.length;
      const contestant = contestants[index];
      if (!contestant) continue;
      const micros = await timed(contestant.round);
      await contestant.rest?.();
      await turnOfTheLoop();
      if (round >= 0) costs[index]?.push(micros);
    }
  }
  return contestants.map(({ name }, index) => ({ name, value: undisturbed(costs[index] ?? []) / options.pieces }));
}

async function timed(work: () => unknown): Promise<number> {
  const before = performance.now();
  await work();
  return (performance.now() - before) * 1000;
}

/** Lets timers run, and compiled code in. */
function turnOfTheLoop(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}

/** Another program on the same processor slows a round down, and never speeds one up. */
function undisturbed(costs: readonly number[]): number {
  return median(costs.toSorted((a, b) => a - b).slice(0, Math.ceil(costs.length / 2)));
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? NaN) + upper) / 2;
}
