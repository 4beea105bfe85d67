import type { RunListener } from '../recorder.ts';
import { say } from '../say.ts';

/** Tells each listener, whatever another one does: behind them are meters, loggers and hooks of the user's. */
export function tell(listeners: readonly RunListener[], what: (listener: RunListener) => void): void {
  for (const listener of listeners) {
    try {
      what(listener);
    } catch (error) {
      say('error', 'a meter, a logger or a hook failed', error);
    }
  }
}
