import { type Hash, hashTraceId } from './hash.ts';
import { HashTable } from './hash-table.ts';
import { WordTable } from './word-table.ts';

/** Whether an id has the form of a trace's: 32 hexadecimal digits, with or without dashes. */
export function isTraceLike(id: string): boolean {
  return /^[0-9a-f]{32}$/iu.test(id.replaceAll('-', ''));
}

/** Sessions whose id may be that of a trace: 32 hexadecimal digits, with or without dashes. */
export class TraceLikeSessions {
  readonly #sessions = new HashTable();
  /** What their ids would be the hash of, as traces. */
  readonly #asTraces = new WordTable(2, 16);
  readonly #hash: Hash = { high: 0, low: 0 };

  /** Remembers a session by its hash and its id. */
  note(session: Readonly<Hash>, id: string): void {
    const known = this.#sessions.size;
    if (this.#sessions.add(session.high, session.low) < known) return;
    hashTraceId(id.replaceAll('-', ''), this.#hash);
    this.#asTraces.addPair(this.#hash.high, this.#hash.low);
  }

  /** All of them, to be sent elsewhere: four words each, the hash of the session and that of the trace. */
  get used(): Uint32Array<ArrayBuffer> {
    const { pairs } = this.#sessions;
    const traces = this.#asTraces.used;
    return Uint32Array.from({ length: pairs.length * 2 }, (_, at) => {
      const pair = (at >> 2) * 2 + (at & 1);
      return ((at & 2) === 0 ? pairs[pair] : traces[pair]) ?? 0;
    });
  }

  /** Takes what another one used. */
  absorb(used: Uint32Array): void {
    for (let at = 0; at < used.length; at += 4) {
      const known = this.#sessions.size;
      if (this.#sessions.add(used[at] ?? 0, used[at + 1] ?? 0) < known) continue;
      this.#asTraces.addPair(used[at + 2] ?? 0, used[at + 3] ?? 0);
    }
  }

  /** Each session that goes by the id of a trace that is known. */
  *found(traces: HashTable, sessions: HashTable): Iterable<readonly [trace: number, session: number]> {
    for (const [at, high, low] of this.#sessions.entries()) {
      const { words } = this.#asTraces;
      const trace = traces.find(words[at * 2] ?? 0, words[at * 2 + 1] ?? 0);
      if (trace !== -1) yield [trace, sessions.find(high, low)];
    }
  }
}
