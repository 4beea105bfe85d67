import {
  ATTR_ERROR_TYPE,
  ATTR_GEN_AI_AGENT_NAME,
  ATTR_GEN_AI_PROVIDER_NAME,
  ATTR_GEN_AI_REQUEST_MODEL,
  ATTR_GEN_AI_TOOL_NAME,
  ATTR_GEN_AI_WORKFLOW_NAME,
  ATTR_SERVER_ADDRESS,
  OPERATION_CHAT,
  OPERATION_CREATE_AGENT,
  OPERATION_EXECUTE_TOOL,
  OPERATION_INVOKE_AGENT,
  OPERATION_INVOKE_WORKFLOW,
} from '@turnkeeper/instrumentation/semconv';
import { ATTR_MCP_METHOD_NAME } from '../mcp.ts';
import { NameIndex, numberOf } from './names.ts';
import { isSame, type Pattern, patternOf, standsAt } from './pattern.ts';
import { place } from './places.ts';
import { conversation, engine, session, type SpanFields } from './span-fields.ts';
import { flag } from './span-rows.ts';

const provider = numberOf(ATTR_GEN_AI_PROVIDER_NAME);
const requestModel = numberOf(ATTR_GEN_AI_REQUEST_MODEL);
const toolName = numberOf(ATTR_GEN_AI_TOOL_NAME);
const errorType = numberOf(ATTR_ERROR_TYPE);
const serverAddress = numberOf(ATTR_SERVER_ADDRESS);
const agentName = numberOf(ATTR_GEN_AI_AGENT_NAME);
const workflowName = numberOf(ATTR_GEN_AI_WORKFLOW_NAME);
const mcpMethod = numberOf(ATTR_MCP_METHOD_NAME);

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
/** Their names, in the same order. */
export const operationNames: NameIndex = new NameIndex(words);
const patterns: readonly Pattern[] = words.map(patternOf);
/** What follows an operation in its span's name. */
const subjects = [requestModel, agentName, workflowName, toolName, agentName];

// OTLP's numbers of span kinds and status codes.
const internal = 1;
const server = 2;
const client = 3;
const failed = 2;

/** Kept attributes that say more of a span than which session it is of. */
const telling = (1 << requestModel) | (1 << toolName) | (1 << errorType) | (1 << engine) | (1 << conversation);

/** Whether a rule may find something in a span by itself; rather too often than not often enough. */
export function isFlawed(fields: SpanFields): boolean {
  const { structure } = fields;
  const { hasOperation, operation, status } = structure;
  const isGenerated = (structure.flags & flag.isGenerated) !== 0;
  if (!hasOperation && !isGenerated && (structure.present & telling) === 0 && !fields.hasCounts())
    return hasBadId(fields) || isNamed(fields, session);
  const isRun = fields.has(engine);
  if (operation !== operations.none && isMisshapen(fields) && !isCallOverMcp(fields)) return true;
  const isUnnamed = !hasOperation && !isRun && (fields.has(requestModel) || fields.has(toolName));
  if (isUnnamed && !isCallOverMcp(fields)) return true;
  if ((hasOperation || isRun) && (status === failed) !== fields.has(errorType)) return true;
  if (isRun && (structure.runStarts !== 1 || !fields.has(session) || !agrees(fields))) return true;
  const isConversation =
    operation === operations.chat || operation === operations.invokeAgent || operation === operations.invokeWorkflow;
  // Metrics may name any conversation; of those that are no session nothing is kept.
  if ((isConversation || fields.isThere(conversation)) && !fields.isEqual(session, conversation)) return true;
  if (isGenerated || hasOddCounts(fields)) return true;
  return hasBadId(fields) || isNamed(fields, session) || isNamed(fields, conversation);
}

function hasOddCounts(fields: SpanFields): boolean {
  if (!fields.hasCounts()) return false;
  const input = fields.count(0);
  const output = fields.count(1);
  if (input !== -1 && Math.max(fields.count(2), 0) + Math.max(fields.count(3), 0) > input) return true;
  return output !== -1 && fields.count(4) > output;
}

function isMisshapen(fields: SpanFields): boolean {
  const { operation, kind } = fields.structure;
  if (!isWellNamed(fields, patterns[operation], subjects[operation] ?? -1)) return true;
  if (operation === operations.chat) return (kind !== client && kind !== internal) || !fields.has(provider);
  if (operation === operations.executeTool) return kind !== internal || !fields.has(toolName);
  if (operation === operations.invokeWorkflow) return kind !== internal;
  if (operation === operations.createAgent) return kind !== client;
  return (kind !== internal && (kind !== client || !fields.has(serverAddress))) || !fields.has(provider);
}

/** Whether a span has the name and the kind of a call over MCP: the method, and mostly what it is about. */
function isCallOverMcp(fields: SpanFields): boolean {
  const { kind } = fields.structure;
  if (!fields.has(mcpMethod) || (kind !== client && kind !== server)) return false;
  const start = fields.startOf(place.name);
  const method = fields.startOf(mcpMethod);
  const length = fields.endOf(mcpMethod) - method;
  const rest = fields.endOf(place.name) - start - length;
  if (rest < 0 || !isSame(fields.view, start, method, length)) return false;
  return rest === 0 || fields.bytes[start + length] === 0x20;
}

function isWellNamed(fields: SpanFields, word: Pattern | undefined, subject: number): boolean {
  if (word === undefined) return false;
  const { view, bytes } = fields;
  const start = fields.startOf(place.name);
  const rest = fields.endOf(place.name) - start - word.length;
  if (rest < 0 || !standsAt(view, start, word)) return false;
  if (!fields.has(subject)) return rest === 0;
  const subjectStart = fields.startOf(subject);
  const length = fields.endOf(subject) - subjectStart;
  const space = start + word.length;
  return rest === length + 1 && bytes[space] === 0x20 && isSame(view, space + 1, subjectStart, length);
}

/** Whether `run.start` says what the span carries. */
function agrees(fields: SpanFields): boolean {
  if (!fields.isEqual(session, place.startSession)) return false;
  return (
    !fields.isThere(place.startConversation) ||
    !fields.isThere(conversation) ||
    fields.isEqual(conversation, place.startConversation)
  );
}

function hasBadId(fields: SpanFields): boolean {
  if (fields.has(session) ? fields.isBadSession : fields.isBadId(session)) return true;
  return !fields.isEqual(session, conversation) && (fields.isBadId(conversation) || fields.isTraceLikeId(conversation));
}

/** Whether an id stands in the span's name. */
function isNamed(fields: SpanFields, field: number): boolean {
  const start = fields.startOf(field);
  const length = fields.endOf(field) - start;
  if (!fields.isThere(field) || length < 4) return false;
  const { bytes } = fields;
  const last = fields.endOf(place.name) - length;
  for (let from = fields.startOf(place.name); from <= last; from += 1) {
    let at = 0;
    while (at < length && bytes[from + at] === bytes[start + at]) at += 1;
    if (at === length) return true;
  }
  return false;
}
