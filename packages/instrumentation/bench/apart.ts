import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { median, type Contestant, type Cost } from './measure.ts';

/** The contestants of an engine, by name: each is made in the process that it runs in. */
export type Contestants = Readonly<Record<string, () => Contestant | Promise<Contestant>>>;

/** How often each runs: what is compiled of the same program, and how fast it is, differs by some percent. */
const TURNS = 5;

/**
 * Runs contestants in turns, each in a process of its own, as programs do that have one of them: in one process, what is
 * compiled of an engine fits none of them, and is slower for those that stand around more of its functions.
 */
export function compareApart(
  module: string,
  names: readonly string[],
  { quick }: { readonly quick: boolean },
): (name: string) => Cost {
  const values = new Map(names.map((name) => [name, [] as number[]]));
  for (let turn = 0; turn < (quick ? 1 : TURNS); turn += 1)
    for (const [name, costs] of values) costs.push(runApart(module, name, quick));
  return (name) => ({ name, value: median(values.get(name) ?? []) });
}

/** Microseconds a conversation. */
function runApart(module: string, name: string, quick: boolean): number {
  const [warmUp, rounds] = quick ? [100, 60] : [400, 250];
  const argv = [join(import.meta.dirname, 'one-contestant.ts'), module, name, String(warmUp), String(rounds)];
  const { stdout, stderr, status } = spawnSync(process.execPath, argv, { encoding: 'utf8' });
  const value = Number(stdout);
  if (status !== 0 || !(value > 0)) throw new Error(`${module}, ${name}: ${stderr}`);
  return value;
}
