import { idsIn, textsOf } from '../ids-in-text.ts';
import type { CapturedMetric } from '../signals.ts';
import { type Hash, hashText } from './hash.ts';
import type { HashTable } from './hash-table.ts';

/** The sessions that some metrics may name. Exports repeat their texts, so each is looked into once. */
export function sessionsOfMetrics(metrics: readonly CapturedMetric[], sessions: HashTable): ReadonlySet<number> {
  const texts = new Set<string>();
  for (const { name, series } of metrics) {
    texts.add(name);
    for (const attributes of series) for (const text of Object.values(attributes).flatMap(textsOf)) texts.add(text);
  }
  const hash: Hash = { high: 0, low: 0 };
  const found = new Set<number>();
  for (const text of texts) {
    for (const id of idsIn(text)) {
      hashText(id, hash);
      const session = sessions.find(hash.high, hash.low);
      if (session !== -1) found.add(session);
    }
  }
  return found;
}
