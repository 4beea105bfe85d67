import type { Adapter, RunEvent, Tap } from '../adapter.ts';
import { Attachment, type AttachmentSettings } from '../attachment.ts';
import { providersOf, RunLog, settingsOf, type ProviderOptions, type RunOptions } from '../settings.ts';
import { scriptedAdapter, type ScriptedNative } from './scripted.ts';

/** An attachment whose table can be looked at. */
export interface AttachedTo {
  /** How many runs it knows of, and its adapter turns. */
  readonly size: () => number;
  readonly stop: () => void;
}

/** An attachment of the scripted engine. */
export interface Attached extends AttachedTo {
  readonly tap: Tap<ScriptedNative>;
  readonly say: (...events: RunEvent[]) => void;
}

export function attachScripted(options: RunOptions & ProviderOptions = {}): Attached {
  const attachment = new Attachment(scriptedAdapter(), {}, settings(options));
  return {
    tap: attachment,
    say: (...events) => attachment.deliver({ events }),
    size: () => attachment.size,
    stop: () => attachment.stop(),
  };
}

/** Attaches to a target of a real engine, as `observe` does. `turnsIn` counts what the adapter remembers. */
export function attachTo<Target extends object, Native, State>(
  adapter: Adapter<Target, Native, State>,
  target: Target,
  turnsIn: (state: State) => number,
  options: RunOptions & ProviderOptions = {},
): AttachedTo {
  let turns = (): number => 0;
  const start = (observed: Target): State => {
    const state = adapter.start(observed);
    turns = () => turnsIn(state);
    return state;
  };
  const attachment = new Attachment({ ...adapter, start }, target, settings(options));
  const detach = adapter.attach(target, attachment);
  return {
    size: () => attachment.size + turns(),
    stop: () => {
      attachment.stop();
      detach();
    },
  };
}

function settings(options: RunOptions & ProviderOptions): AttachmentSettings {
  return settingsOf(options, providersOf(options), new RunLog(options.onRunStart));
}
