/** One line of the table: what something costs with Turnkeeper, against the same thing without it. */
export interface Line {
  readonly name: string;
  /** Ours through `base`. */
  readonly ratio: number;
  /** What it may be at most. */
  readonly limit: number;
  /** What is counted, where the ratio alone does not say it. */
  readonly unit: string;
  readonly base: number;
  readonly own: number;
  /** What others cost that do a similar thing, measured in the same run. */
  readonly others: readonly Other[];
}

export interface Other {
  readonly name: string;
  readonly ratio: number;
  readonly value: number;
}

/** Where each number is in its list: the first is without any tracing, the second ours, the rest are others. */
export function lineOf(
  { name, limit, unit }: Pick<Line, 'name' | 'limit' | 'unit'>,
  [base, own, ...others]: readonly { readonly name: string; readonly value: number }[],
): Line {
  const without = base?.value ?? NaN;
  const value = own?.value ?? NaN;
  return {
    name,
    ratio: round(value / without),
    limit,
    unit,
    base: round(without),
    own: round(value),
    others: others.map((other) => ({
      name: other.name,
      ratio: round(other.value / without),
      value: round(other.value),
    })),
  };
}

function round(value: number): number {
  return Number(value.toPrecision(4));
}

/** A part of the benchmark; `quick` for a look, which proves nothing. */
export type Part = (options: { readonly quick: boolean }) => Promise<readonly Line[]>;
