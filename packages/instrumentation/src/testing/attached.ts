import type { RunEvent, Tap } from '../adapter.ts';
import { Attachment } from '../attachment.ts';
import { providersOf, RunLog, settingsOf, type ProviderOptions, type RunOptions } from '../settings.ts';
import { scriptedAdapter, type ScriptedNative } from './scripted.ts';

/** An attachment of the scripted engine whose table can be looked at. */
export interface Attached {
  readonly tap: Tap<ScriptedNative>;
  readonly say: (...events: RunEvent[]) => void;
  /** How many runs it knows of. */
  readonly size: () => number;
  readonly stop: () => void;
}

export function attachScripted(options: RunOptions & ProviderOptions = {}): Attached {
  const settings = settingsOf(options, providersOf(options), new RunLog(options.onRunStart));
  const attachment = new Attachment(scriptedAdapter(), {}, settings);
  return {
    tap: attachment,
    say: (...events) => attachment.deliver({ events }),
    size: () => attachment.size,
    stop: () => attachment.stop(),
  };
}
