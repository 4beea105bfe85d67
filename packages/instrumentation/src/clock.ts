import type { HrTime } from '@opentelemetry/api';
import type { Millis } from './run-event.ts';

/** How far the two clocks may drift apart before `anchor` brings them together, in milliseconds. */
const MAX_DRIFT = 1;

/** A pause of the process longer than this between two readings of the clocks spoils them, in milliseconds. */
const MAX_PAUSE = 0.1;

/** How often the clocks are read for one reading that no pause has spoiled. */
const MAX_READINGS = 5;

/**
 * Wall time that never goes back: read off the monotonic clock, from an anchor on the wall clock. SDKs read the wall
 * clock at each span's start, so the anchor is renewed whenever nothing is being measured.
 */
export class Clock {
  #anchor = readAnchor();

  now(): Millis {
    return this.#anchor + performance.now();
  }

  /** Follows the wall clock again. To be called while no run is open, so that no run sees time jump. */
  anchor(): void {
    const current = readAnchor();
    if (Math.abs(current - this.#anchor) > MAX_DRIFT) this.#anchor = current;
  }
}

/** The clocks cannot be read at once. On a busy machine milliseconds pass in between: the closest readings count. */
function readAnchor(): Millis {
  let shortest = Number.POSITIVE_INFINITY;
  let anchor = 0;
  for (let reading = 0; reading < MAX_READINGS && shortest > MAX_PAUSE; reading += 1) {
    const before = performance.now();
    const wall = Date.now();
    const pause = performance.now() - before;
    if (pause >= shortest) continue;
    shortest = pause;
    anchor = wall - before;
  }
  return anchor;
}

/** As a span's end: with its fraction. Never a bare number: the SDK takes a small one for a monotonic reading. */
export function toHrTime(at: Millis): HrTime {
  const seconds = Math.floor(at / 1000);
  return [seconds, Math.round((at - seconds * 1000) * 1e6)];
}

/** As a span's start: SDKs cut theirs to whole milliseconds, so a parent that kept its fraction would begin too late. */
export function toStartTime(at: Millis): HrTime {
  return toHrTime(Math.floor(at));
}
