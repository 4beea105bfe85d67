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
import { counted, kept, NameIndex, numberOf } from './names.ts';

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
/** What follows an operation in its span's name. */
const subjects = [requestModel, agentName, workflowName, toolName, agentName];
const sources = new NameIndex([SESSION_SOURCE_GENERATED]);

// OTLP's numbers of span kinds and status codes.
const internal = 1;
const client = 3;
const failed = 2;

/** Where in the bytes of a line the fields of one span are, and what a rule may find in them. */
export class SpanFields {
  bytes: Uint8Array = new Uint8Array(0);
  /** By the number of a kept attribute: where its text begins; -1: absent. */
  readonly starts: Int32Array<ArrayBuffer> = new Int32Array(kept.length);
  readonly ends: Int32Array<ArrayBuffer> = new Int32Array(kept.length);
  /** -1: absent. */
  readonly counts: Float64Array<ArrayBuffer> = new Float64Array(counted.length);
  nameStart = 0;
  nameEnd = 0;
  /** How many `run.start` events there are, and where the ids of the last one are. */
  runStarts = 0;
  startSession = -1;
  startSessionEnd = -1;
  startConversation = -1;
  startConversationEnd = -1;

  clear(): void {
    this.starts.fill(-1);
    this.counts.fill(-1);
    this.nameStart = 0;
    this.nameEnd = 0;
    this.runStarts = 0;
  }

  /** Takes a count that was not there yet, written in digits; whether it was one. */
  takeCount(count: number, start: number, end: number): boolean {
    const { bytes, counts } = this;
    if (count < 0 || counts[count] !== -1 || end === start || end - start > 15) return false;
    let value = 0;
    for (let at = start; at < end; at += 1) {
      const digit = (bytes[at] ?? 0) - 0x30;
      if (digit < 0 || digit > 9) return false;
      value = value * 10 + digit;
    }
    counts[count] = value;
    return true;
  }

  /** Whether an attribute is there and not empty. */
  has(field: number): boolean {
    const start = this.starts[field] ?? -1;
    return start !== -1 && (this.ends[field] ?? 0) > start;
  }

  /** The number of the span's operation. */
  operation(): number {
    if (!this.has(operation)) return operations.none;
    return operationNames.find(this.bytes, this.starts[operation] ?? 0, this.ends[operation] ?? 0);
  }

  /** Whether a rule may find something in the span by itself; rather too often than not often enough. */
  isFlawed(isRun: boolean, number: number, kind: number, status: number): boolean {
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
    const [input = -1, output = -1, read = -1, created = -1, reasoning = -1] = this.counts;
    if (input !== -1 && Math.max(read, 0) + Math.max(created, 0) > input) return true;
    if (output !== -1 && reasoning > output) return true;
    return (
      this.#isBadId(session) || this.#isBadId(conversation) || this.#isNamed(session) || this.#isNamed(conversation)
    );
  }

  /** Whether the session's id has the form of a trace's: 32 hexadecimal digits, with or without dashes. */
  isTraceLike(): boolean {
    return this.has(session) && this.#countDigits(session) === 32;
  }

  #isMisshapen(number: number, kind: number): boolean {
    if (!this.#isWellNamed(words[number] ?? '', subjects[number] ?? -1)) return true;
    if (number === operations.chat) return kind !== client || !this.has(provider);
    if (number === operations.executeTool) return kind !== internal || !this.has(toolName);
    if (number === operations.invokeWorkflow) return kind !== internal;
    if (number === operations.createAgent) return kind !== client;
    return (kind !== internal && (kind !== client || !this.has(serverAddress))) || !this.has(provider);
  }

  #isWellNamed(word: string, subject: number): boolean {
    const { bytes, nameStart } = this;
    const start = this.starts[subject] ?? -1;
    const length = this.has(subject) ? (this.ends[subject] ?? 0) - start + 1 : 0;
    if (this.nameEnd - nameStart !== word.length + length) return false;
    for (let at = 0; at < word.length; at += 1) if (bytes[nameStart + at] !== word.charCodeAt(at)) return false;
    for (let at = 0; at < length; at += 1) {
      if (bytes[nameStart + word.length + at] !== (at === 0 ? 0x20 : bytes[start + at - 1])) return false;
    }
    return true;
  }

  /** Whether `run.start` says what the span carries. */
  #agrees(): boolean {
    const { starts, ends } = this;
    const [sessionStart, conversationStart] = [starts[session] ?? -1, starts[conversation] ?? -1];
    if (!this.#isEqual(sessionStart, ends[session] ?? -1, this.startSession, this.startSessionEnd)) return false;
    if (this.startConversation === -1 || conversationStart === -1) return true;
    return this.#isEqual(
      conversationStart,
      ends[conversation] ?? -1,
      this.startConversation,
      this.startConversationEnd,
    );
  }

  #isSameText(left: number, right: number): boolean {
    const { starts, ends } = this;
    return this.#isEqual(starts[left] ?? -1, ends[left] ?? -1, starts[right] ?? -1, ends[right] ?? -1);
  }

  #isEqual(start: number, end: number, otherStart: number, otherEnd: number): boolean {
    if (start === -1 || otherStart === -1) return start === otherStart;
    if (end - start !== otherEnd - otherStart) return false;
    const { bytes } = this;
    for (let at = 0; at < end - start; at += 1) if (bytes[start + at] !== bytes[otherStart + at]) return false;
    return true;
  }

  /** Anything but 1 to 128 printable characters of ASCII, without space around them; or what may be the id of a span. */
  #isBadId(field: number): boolean {
    const start = this.starts[field] ?? -1;
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
    const start = this.starts[field] ?? -1;
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
