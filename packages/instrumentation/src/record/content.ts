import type { Ledger } from '../ledger.ts';
import type { Content } from '../run-event.ts';
import { say } from '../say.ts';

/** Where a value would be recorded. */
export interface ContentPlace {
  /** The attribute, such as `gen_ai.tool.call.arguments`. */
  readonly attribute: string;
  readonly engine: string;
}

/**
 * Whether what people and models say is recorded: `none` (default), `all`, or a function that gives the value to record
 * instead, undefined for nothing. Nobody waits for a promise: then nothing is recorded.
 */
export type ContentOption = 'none' | 'all' | ((value: unknown, place: ContentPlace) => unknown);

/** What content is recorded with. */
export interface ContentSettings {
  readonly content: ContentOption;
  readonly ledger: () => Ledger;
}

/** The longest text that is recorded, in characters; the rest is cut off, and `…` says so. */
const MAX_LENGTH = 16_384;

/** The option's value, else that of the conventions' variable. */
export function contentOption(option: ContentOption | undefined): ContentOption {
  if (option !== undefined) return option;
  // https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/#boolean-value
  return /^true$/i.test(process.env['OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT'] ?? '') ? 'all' : 'none';
}

/**
 * The text to record of this content, redacted and cut; undefined where nothing is to be recorded. A value that cannot
 * be read or written as JSON (a getter that throws, a ring) is left out, and so is a promise.
 */
export function recordedContent(
  { content: option, ledger }: ContentSettings,
  content: Content | undefined,
  attribute: string,
  engine: string,
): string | undefined {
  if (option === 'none' || content === undefined) return undefined;
  try {
    const given = content();
    const value = option === 'all' ? given : option(given, { attribute, engine });
    if (value instanceof Promise) {
      // The host's own is the host's to handle.
      if (value !== given) value.catch(() => {});
      ledger().warnOnce('content that is a promise is not recorded');
      return undefined;
    }
    if (value === undefined || value === null) return undefined;
    const text = typeof value === 'string' ? value : JSON.stringify(value);
    if (text === undefined || text.length <= MAX_LENGTH) return text;
    return `${text.slice(0, MAX_LENGTH - 1).toWellFormed()}…`;
  } catch (error) {
    say('debug', `${attribute} of ${engine} is left out`, error);
    return undefined;
  }
}
