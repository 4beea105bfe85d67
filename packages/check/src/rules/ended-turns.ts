import type { Run } from '../span-index.ts';

/** Which turns have ended when another one begins, asked in the order of the turns: each is looked at once. */
export class EndedTurns {
  readonly #turns: readonly Run[];
  readonly #byEnd: readonly { readonly at: number; readonly end: bigint }[];
  #passed = 0;
  #last = -1;

  /** With turns by their start. */
  constructor(turns: readonly Run[]) {
    this.#turns = turns;
    this.#byEnd = turns
      // An end before the start is none that another turn could wait for.
      .map(({ root: { start, end } }, at) => ({ at, end: end < start ? start : end }))
      .toSorted((left, right) => (left.end === right.end ? left.at - right.at : left.end < right.end ? -1 : 1));
  }

  /** The last of the turns before this position that has ended when the turn there begins. */
  lastBefore({ root: { start } }: Run, position: number): Run | undefined {
    for (
      let next = this.#byEnd[this.#passed];
      next !== undefined && next.end <= start && next.at < position;
      next = this.#byEnd[this.#passed]
    ) {
      this.#last = Math.max(this.#last, next.at);
      this.#passed += 1;
    }
    return this.#turns[this.#last];
  }
}
