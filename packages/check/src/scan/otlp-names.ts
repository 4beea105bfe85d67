import {
  EVENT_RUN_START,
  LINK_KIND_PREVIOUS_TURN,
  SESSION_SOURCE_GENERATED,
} from '@turnkeeper/instrumentation/semconv';
import { messageEvents } from '../message-events.ts';
import { NameIndex } from './names.ts';

// Names of OTLP's JSON, by the object they stand in; a name's number is its place in the list.

/** Members of an export request. */
export const requestNames: NameIndex = new NameIndex(['resourceSpans']);
/** Members of `resourceSpans`; the last one is what old exporters call `scopeSpans`, and is left to the parser. */
export const resourceNames: NameIndex = new NameIndex(['resource', 'scopeSpans', 'instrumentationLibrarySpans']);
/** Members of `scopeSpans`. */
export const scopeNames: NameIndex = new NameIndex(['spans']);
/** Members of a span that are read. */
export const spanNames: NameIndex = new NameIndex([
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
]);

/** Both ids, the name and both times: without one of them the parser has to say what is wrong. */
export const required = 0b1101_0011;
/** Members of events, links and a status. */
export const entryNames: NameIndex = new NameIndex(['traceId', 'spanId', 'attributes', 'name', 'code']);
/** Members of an attribute. */
export const keyNames: NameIndex = new NameIndex(['key', 'value']);
/** Members of an attribute's value that are read. */
export const valueNames: NameIndex = new NameIndex(['stringValue', 'intValue']);
/** Events that are looked at: what begins a run, then what may hold a message. */
export const eventNames: NameIndex = new NameIndex([EVENT_RUN_START, ...messageEvents]);
/** Kinds of links that are. */
export const linkKinds: NameIndex = new NameIndex([LINK_KIND_PREVIOUS_TURN]);
/** Where a session should not come from. */
export const generated: NameIndex = new NameIndex([SESSION_SOURCE_GENERATED]);
/** Bit of a span's `flags`: it says whether its parent is in another process. */
export const hasIsRemote = 0x100;
/** Bit of a span's `flags`: its parent is in another process. */
export const isRemote = 0x200;
