import {
  ATTR_ERROR_TYPE,
  ATTR_GEN_AI_AGENT_NAME,
  ATTR_GEN_AI_CONVERSATION_ID,
  ATTR_GEN_AI_OPERATION_NAME,
  ATTR_GEN_AI_PROVIDER_NAME,
  ATTR_GEN_AI_REQUEST_MODEL,
  ATTR_GEN_AI_RESPONSE_ID,
  ATTR_GEN_AI_TOOL_NAME,
  ATTR_GEN_AI_WORKFLOW_NAME,
  ATTR_SERVER_ADDRESS,
  ATTR_SESSION_ID,
  ATTR_TURNKEEPER_ENGINE_NAME,
  ATTR_TURNKEEPER_ENGINE_SESSION_ID,
  ATTR_TURNKEEPER_LINK_KIND,
  ATTR_TURNKEEPER_SESSION_SOURCE,
  OPERATION_CHAT,
  OPERATION_CREATE_AGENT,
  OPERATION_EXECUTE_TOOL,
  OPERATION_INVOKE_AGENT,
  OPERATION_INVOKE_WORKFLOW,
  SESSION_SOURCE_GENERATED,
} from '@turnkeeper/instrumentation/semconv';
import { readDecimal } from './digits.ts';
import { type Hash, hashBytes } from './hash.ts';
import { counted, kept, NameIndex, numberOf } from './names.ts';
import type { ScanMemory } from './scan-memory.ts';
import { isSame, type Pattern, patternOf, standsAt } from './pattern.ts';

/** The number of the kept attribute that is the session. */
export const session: number = numberOf(ATTR_SESSION_ID);
/** The conversation. */
export const conversation: number = numberOf(ATTR_GEN_AI_CONVERSATION_ID);
/** The engine: the span begins a run. */
export const engine: number = numberOf(ATTR_TURNKEEPER_ENGINE_NAME);
/** The engine's own session. */
export const engineSession: number = numberOf(ATTR_TURNKEEPER_ENGINE_SESSION_ID);
/** The response of a model. */
export const responseId: number = numberOf(ATTR_GEN_AI_RESPONSE_ID);
/** What a link means. */
export const linkKind: number = numberOf(ATTR_TURNKEEPER_LINK_KIND);
const operation = numberOf(ATTR_GEN_AI_OPERATION_NAME);
const provider = numberOf(ATTR_GEN_AI_PROVIDER_NAME);
const requestModel = numberOf(ATTR_GEN_AI_REQUEST_MODEL);
const toolName = numberOf(ATTR_GEN_AI_TOOL_NAME);
const errorType = numberOf(ATTR_ERROR_TYPE);
const serverAddress = numberOf(ATTR_SERVER_ADDRESS);
const source = numberOf(ATTR_TURNKEEPER_SESSION_SOURCE);
const agentName = numberOf(ATTR_GEN_AI_AGENT_NAME);
const workflowName = numberOf(ATTR_GEN_AI_WORKFLOW_NAME);

/** Operations by their numbers. */
export const operations = {
  chat: 0,
  invokeAgent: 1,
  invokeWorkflow: 2,
  executeTool: 3,
  createAgent: 4,
  none: -1,
} as const;
const words = [
  OPERATION_CHAT,
  OPERATION_INVOKE_AGENT,
  OPERATION_INVOKE_WORKFLOW,
  OPERATION_EXECUTE_TOOL,
  OPERATION_CREATE_AGENT,
];
const operationNames = new NameIndex(words);
const patterns: readonly Pattern[] = words.map(patternOf);
/** What follows an operation in its span's name. */
const subjects = [requestModel, agentName, workflowName, toolName, agentName];
const sources = new NameIndex([SESSION_SOURCE_GENERATED]);

// OTLP's numbers of span kinds and status codes.
const internal = 1;
const client = 3;
const failed = 2;

/** Kept attributes that say more of a span than which session it is of. */
const telling =
  (1 << operation) |
  (1 << requestModel) |
  (1 << toolName) |
  (1 << errorType) |
  (1 << source) |
  (1 << engine) |
  (1 << conversation);
/** How many sessions are remembered as well-formed. */
const remembered = 1024;

/** Where in the bytes of a line the fields of one span are, and what a rule may find in them. */
export class SpanFields {
  bytes: Uint8Array = new Uint8Array(0);
  view: DataView = new DataView(new ArrayBuffer(0));
  /** A bit for each kept attribute that is there, and for each that is not empty. */
  present = 0;
  filled = 0;
  /** By the number of a kept attribute that is there: where its text is. */
  readonly starts: Int32Array<ArrayBuffer> = new Int32Array(kept.length);
  readonly ends: Int32Array<ArrayBuffer> = new Int32Array(kept.length);
  /** -1: absent. */
  readonly counts: Float64Array<ArrayBuffer> = new Float64Array(counted.length);
  #hasCounts = true;
  nameStart = 0;
  nameEnd = 0;
  /** How many `run.start` events there are, and where the ids of the last one are. */
  runStarts = 0;
  startSession = -1;
  startSessionEnd = -1;
  startConversation = -1;
  startConversationEnd = -1;
  /** Where in the line the session is that was looked at last; -1: none. */
  #lastSession = -1;
  #lastSessionEnd = -1;
  /** The hash of the session, where there is one, and what its id is like. */
  readonly sessionHash: Hash = { high: 0, low: 0 };
  isTraceLike = false;
  #isBadSession = false;
  /** Hashes of sessions that nothing is odd about, two words each: a session stands on many spans. */
  readonly #good = new Uint32Array(remembered * 2);

  /** Begins with a line. */
  open({ bytes, view }: ScanMemory): void {
    this.bytes = bytes;
    this.view = view;
    this.#lastSession = -1;
  }

  /** Begins with a span, or with what else has attributes. */
  clear(): void {
    this.present = 0;
    this.filled = 0;
    if (this.#hasCounts) this.counts.fill(-1);
    this.#hasCounts = false;
    this.nameStart = 0;
    this.nameEnd = 0;
    this.runStarts = 0;
  }

  /** Takes a count that was not there yet, written in digits; whether it was one. */
  takeCount(count: number, start: number, end: number): boolean {
    if (count < 0 || this.counts[count] !== -1 || end - start > 15) return false;
    return this.setCount(count, readDecimal(this.view, start, end));
  }

  /** Keeps a count; whether it is one. */
  setCount(count: number, value: number): boolean {
    this.counts[count] = value;
    this.#hasCounts = true;
    return value !== -1;
  }

  /** Takes the text of a kept attribute that was not there yet; whether it was one. */
  takeText(field: number, start: number, end: number): boolean {
    if (field >= kept.length || (this.present & (1 << field)) !== 0) return false;
    this.present |= 1 << field;
    if (end > start) this.filled |= 1 << field;
    this.starts[field] = start;
    this.ends[field] = end;
    return true;
  }

  /** A token count by its place among the counted attributes; -1: absent. */
  count(at: number): number {
    return this.counts[at] ?? -1;
  }

  /** Hashes the session, which is there and not empty, and looks at the form of its id. */
  lookAtSession(): void {
    const { sessionHash } = this;
    const start = this.starts[session] ?? 0;
    const end = this.ends[session] ?? 0;
    // Spans of a session often follow one another.
    if (this.#isEqual(start, end, this.#lastSession, this.#lastSessionEnd)) return;
    this.#lastSession = start;
    this.#lastSessionEnd = end;
    hashBytes(this.view, start, end, sessionHash);
    const { high, low } = sessionHash;
    const slot = (low & (remembered - 1)) * 2;
    this.isTraceLike = this.#isBadSession = false;
    if (this.#good[slot] === high && this.#good[slot + 1] === low) return;
    this.#isBadSession = this.#isBadId(session);
    // 32 hexadecimal digits, with or without dashes.
    this.isTraceLike = this.#countDigits(session) === 32;
    if (this.#isBadSession || this.isTraceLike) return;
    this.#good[slot] = high;
    this.#good[slot + 1] = low;
  }

  /** Whether an attribute is there and not empty. */
  has(field: number): boolean {
    return (this.filled & (1 << field)) !== 0;
  }

  /** The number of the span's operation. */
  operation(): number {
    if (!this.has(operation)) return operations.none;
    return operationNames.find(this.bytes, this.starts[operation] ?? 0, this.ends[operation] ?? 0);
  }

  /** Whether a rule may find something in the span by itself; rather too often than not often enough. */
  isFlawed(isRun: boolean, number: number, kind: number, status: number): boolean {
    if ((this.present & telling) === 0 && !this.#hasCounts) return this.#hasBadId() || this.#isNamed(session);
    const isOperation = this.has(operation);
    if (number !== operations.none && this.#isMisshapen(number, kind)) return true;
    if (!isOperation && !isRun && (this.has(requestModel) || this.has(toolName))) return true;
    if ((isOperation || isRun) && (status === failed) !== this.has(errorType)) return true;
    if (isRun && (this.runStarts !== 1 || !this.has(session) || !this.#agrees())) return true;
    const isConversation =
      number === operations.chat || number === operations.invokeAgent || number === operations.invokeWorkflow;
    if (isConversation && !this.#isSameText(session, conversation)) return true;
    if (this.has(source) && sources.find(this.bytes, this.starts[source] ?? 0, this.ends[source] ?? 0) === 0)
      return true;
    const input = this.count(0);
    const output = this.count(1);
    if (input !== -1 && Math.max(this.count(2), 0) + Math.max(this.count(3), 0) > input) return true;
    if (output !== -1 && this.count(4) > output) return true;
    return this.#hasBadId() || this.#isNamed(session) || this.#isNamed(conversation);
  }

  #isMisshapen(number: number, kind: number): boolean {
    if (!this.#isWellNamed(patterns[number], subjects[number] ?? -1)) return true;
    if (number === operations.chat) return kind !== client || !this.has(provider);
    if (number === operations.executeTool) return kind !== internal || !this.has(toolName);
    if (number === operations.invokeWorkflow) return kind !== internal;
    if (number === operations.createAgent) return kind !== client;
    return (kind !== internal && (kind !== client || !this.has(serverAddress))) || !this.has(provider);
  }

  #isWellNamed(word: Pattern | undefined, subject: number): boolean {
    const { nameStart } = this;
    if (word === undefined) return false;
    const rest = this.nameEnd - nameStart - word.length;
    if (rest < 0 || !standsAt(this.view, nameStart, word)) return false;
    if (!this.has(subject)) return rest === 0;
    const start = this.starts[subject] ?? 0;
    const length = (this.ends[subject] ?? 0) - start;
    const space = nameStart + word.length;
    return rest === length + 1 && this.bytes[space] === 0x20 && isSame(this.view, space + 1, start, length);
  }

  /** Whether `run.start` says what the span carries. */
  #agrees(): boolean {
    const { ends } = this;
    const conversationStart = this.startOf(conversation);
    if (!this.#isEqual(this.startOf(session), ends[session] ?? -1, this.startSession, this.startSessionEnd))
      return false;
    if (this.startConversation === -1 || conversationStart === -1) return true;
    return this.#isEqual(
      conversationStart,
      ends[conversation] ?? -1,
      this.startConversation,
      this.startConversationEnd,
    );
  }

  #isSameText(left: number, right: number): boolean {
    const { ends } = this;
    return this.#isEqual(this.startOf(left), ends[left] ?? -1, this.startOf(right), ends[right] ?? -1);
  }

  /** Where a kept attribute begins; -1: absent. */
  startOf(field: number): number {
    return (this.present & (1 << field)) === 0 ? -1 : (this.starts[field] ?? 0);
  }

  #isEqual(start: number, end: number, otherStart: number, otherEnd: number): boolean {
    if (start === -1 || otherStart === -1) return start === otherStart;
    return end - start === otherEnd - otherStart && isSame(this.view, start, otherStart, end - start);
  }

  #hasBadId(): boolean {
    if (this.has(session) ? this.#isBadSession : this.#isBadId(session)) return true;
    return !this.#isSameText(session, conversation) && this.#isBadId(conversation);
  }

  /** Anything but 1 to 128 printable characters of ASCII, without space around them; or what may be the id of a span. */
  #isBadId(field: number): boolean {
    const start = this.startOf(field);
    if (start === -1) return false;
    const end = this.ends[field] ?? 0;
    const { bytes } = this;
    if (end === start || end - start > 128 || bytes[start] === 0x20 || bytes[end - 1] === 0x20) return true;
    for (let at = start; at < end; at += 1) {
      const byte = bytes[at] ?? 0;
      if (byte < 0x20 || byte > 0x7e) return true;
    }
    return this.#countDigits(field) === 16;
  }

  /** How many hexadecimal digits an id is of; -1 where there is anything but these and dashes in it. */
  #countDigits(field: number): number {
    const { bytes } = this;
    const end = this.ends[field] ?? 0;
    let digits = 0;
    for (let at = this.starts[field] ?? 0; at < end; at += 1) {
      const byte = bytes[at] ?? 0;
      const letter = byte | 0x20;
      if ((byte >= 0x30 && byte <= 0x39) || (letter >= 0x61 && letter <= 0x66)) digits += 1;
      else if (byte !== 0x2d) return -1;
    }
    return digits;
  }

  /** Whether an id stands in the span's name. */
  #isNamed(field: number): boolean {
    const start = this.startOf(field);
    const length = (this.ends[field] ?? 0) - start;
    if (start === -1 || length < 4) return false;
    const { bytes } = this;
    for (let from = this.nameStart; from + length <= this.nameEnd; from += 1) {
      let at = 0;
      while (at < length && bytes[from + at] === bytes[start + at]) at += 1;
      if (at === length) return true;
    }
    return false;
  }
}
