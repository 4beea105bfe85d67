import { EVENT_RUN_START, LINK_KIND_PREVIOUS_TURN } from '@turnkeeper/instrumentation/semconv';
import { NameIndex } from './names.ts';
import { eightBytes } from './pattern.ts';

// Names of OTLP's JSON, by the object they stand in; a name's number is its place in the list.

/** Members of an export request. */
export const requestNames: NameIndex = new NameIndex(['resourceSpans']);
/** Members of `resourceSpans`. */
export const resourceNames: NameIndex = new NameIndex(['resource', 'scopeSpans']);
/** Members of `scopeSpans`. */
export const scopeNames: NameIndex = new NameIndex(['spans']);
const spanFields = [
  'traceId',
  'spanId',
  'parentSpanId',
  'flags',
  'name',
  'kind',
  'startTimeUnixNano',
  'endTimeUnixNano',
  'attributes',
  'events',
  'links',
  'status',
];
/** Members of a span that are read. */
export const spanNames: NameIndex = new NameIndex(spanFields);
/** How many numbers there are for each of them in `spanPatterns`. */
export const spanPatternWidth = 8;
/**
 * The same as they stand in compact JSON, with the colon behind them: the length, and three times where to look, and
 * which eight bytes to find there. See pattern.ts.
 */
export const spanPatterns: Float64Array = Float64Array.from(spanFields.map(spanPattern).flat());

function spanPattern(name: string): readonly number[] {
  const text = `,"${name}":`;
  const length = text.length - 1;
  // Too short for eight bytes: the comma before it is one of them.
  const offsets = length < 8 ? [-1, -1, -1] : [0, Math.min(8, length - 8), length - 8];
  return [length, ...offsets.flatMap((offset) => [offset, eightBytes(text.slice(offset + 1, offset + 9))]), 0];
}

/** Both ids, the name and both times: without one of them the parser has to say what is wrong. */
export const required = 0b1101_0011;
/** Members of events, links and a status. */
export const entryNames: NameIndex = new NameIndex(['traceId', 'spanId', 'attributes', 'name', 'code']);
/** Members of an attribute. */
export const keyNames: NameIndex = new NameIndex(['key', 'value']);
/** Members of an attribute's value that are read. */
export const valueNames: NameIndex = new NameIndex(['stringValue', 'intValue']);
/** Values that matter: the event of a run, the kind of a link. */
export const words: NameIndex = new NameIndex([EVENT_RUN_START, LINK_KIND_PREVIOUS_TURN]);
/** Bit of a span's `flags`: it says whether its parent is in another process. */
export const hasIsRemote = 0x100;
/** Bit of a span's `flags`: its parent is in another process. */
export const isRemote = 0x200;
