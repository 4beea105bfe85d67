import { EVENT_RUN_START, LINK_KIND_PREVIOUS_TURN } from '@turnkeeper/instrumentation/semconv';
import { NameIndex } from './names.ts';
import { type Pattern, patternOf } from './pattern.ts';

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
/** The same as they stand in compact JSON, with the colon behind them. */
export const spanPatterns: readonly Pattern[] = spanFields.map((name) => patternOf(`"${name}":`));
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
