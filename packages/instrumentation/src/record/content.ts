import { diag, type Attributes } from '@opentelemetry/api';
import type { Content } from '../run-event.ts';

/** Where a value would be recorded. */
export interface ContentPlace {
  /** The attribute, such as `gen_ai.tool.call.arguments`. */
  readonly attribute: string;
  readonly engine: string;
}

/**
 * Whether what people and models say is recorded: `none` (default), `all`, or a function that gives the value to record
 * instead, undefined for nothing.
 */
export type ContentOption = 'none' | 'all' | ((value: unknown, place: ContentPlace) => unknown);

/** The longest text that is recorded, in characters; the rest is cut off, and `…` says so. */
const MAX_LENGTH = 16_384;

/** The option's value, else that of the conventions' variable. */
export function contentOption(option: ContentOption | undefined): ContentOption {
  if (option !== undefined) return option;
  return process.env['OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT'] === 'true' ? 'all' : 'none';
}

/**
 * The attribute with this content, redacted and cut; empty where nothing is to be recorded. A value that cannot be
 * read or written as JSON (a getter that throws, a ring) is left out.
 */
export function contentAttribute(option: ContentOption, content: Content | undefined, place: ContentPlace): Attributes {
  if (option === 'none' || content === undefined) return {};
  try {
    const value = option === 'all' ? content() : option(content(), place);
    if (value === undefined || value === null) return {};
    const text = typeof value === 'string' ? value : JSON.stringify(value);
    if (text === undefined) return {};
    return { [place.attribute]: text.length > MAX_LENGTH ? `${text.slice(0, MAX_LENGTH - 1).toWellFormed()}…` : text };
  } catch (error) {
    diag.debug(`turnkeeper: ${place.attribute} of ${place.engine} is left out`, error);
    return {};
  }
}
