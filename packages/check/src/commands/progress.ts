import type { Streams } from '../cli.ts';

/** Milliseconds between two looks of the line. */
const interval = 200;

/** One line on a terminal that says how far a long reading has come. */
export interface Progress {
  readonly show: (spans: number) => void;
  readonly clear: () => void;
}

/** Shows progress where somebody sits before a terminal; says nothing at all in a log. */
export function createProgress(stream: Streams['stderr']): Progress {
  if (!stream.isTTY) return { show: () => {}, clear: () => {} };
  let shownAt = performance.now();
  let isShown = false;
  return {
    show: (spans) => {
      if (performance.now() - shownAt < interval) return;
      shownAt = performance.now();
      isShown = true;
      stream.write(`\r\u001b[K${spans.toLocaleString('en')} spans read`);
    },
    clear: () => void (isShown && stream.write('\r\u001b[K')),
  };
}
