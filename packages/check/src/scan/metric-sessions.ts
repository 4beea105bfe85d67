import type { CapturedMetric } from '../signals.ts';
import { type Hash, hashText } from './hash.ts';
import type { HashTable } from './hash-table.ts';

/** Words of a name that may be an id: whatever stands between two of its boundaries. */
function idsIn(name: string): readonly string[] {
  const bounds = [0, name.length];
  for (const { index } of name.matchAll(/[^\p{L}\p{N}]/gu)) bounds.push(index, index + 1);
  return bounds.flatMap((from) => bounds.filter((to) => to > from).map((to) => name.slice(from, to)));
}

/** The sessions that a metric may name. */
export function sessionsOfMetric({ name, series }: CapturedMetric, sessions: HashTable): readonly number[] {
  const hash: Hash = { high: 0, low: 0 };
  const values = series.flatMap((attributes) => Object.values(attributes)).filter((value) => typeof value === 'string');
  return [...new Set([...values, ...idsIn(name)])]
    .map((text) => {
      hashText(text, hash);
      return sessions.find(hash.high, hash.low);
    })
    .filter((session) => session !== -1);
}
