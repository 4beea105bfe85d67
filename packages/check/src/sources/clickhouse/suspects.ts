import {
  ATTR_ERROR_TYPE,
  ATTR_GEN_AI_AGENT_NAME,
  ATTR_GEN_AI_CONVERSATION_ID,
  ATTR_GEN_AI_INPUT_MESSAGES,
  ATTR_GEN_AI_OPERATION_NAME,
  ATTR_GEN_AI_OUTPUT_MESSAGES,
  ATTR_GEN_AI_PROVIDER_NAME,
  ATTR_GEN_AI_REQUEST_MODEL,
  ATTR_GEN_AI_RESPONSE_ID,
  ATTR_GEN_AI_SYSTEM_INSTRUCTIONS,
  ATTR_GEN_AI_TOOL_CALL_ARGUMENTS,
  ATTR_GEN_AI_TOOL_CALL_RESULT,
  ATTR_GEN_AI_TOOL_NAME,
  ATTR_GEN_AI_USAGE_CACHE_CREATION_INPUT_TOKENS,
  ATTR_GEN_AI_USAGE_CACHE_READ_INPUT_TOKENS,
  ATTR_GEN_AI_USAGE_INPUT_TOKENS,
  ATTR_GEN_AI_USAGE_OUTPUT_TOKENS,
  ATTR_GEN_AI_USAGE_REASONING_OUTPUT_TOKENS,
  ATTR_GEN_AI_WORKFLOW_NAME,
  ATTR_SERVER_ADDRESS,
  ATTR_SESSION_ID,
  ATTR_SESSION_PREVIOUS_ID,
  ATTR_TURNKEEPER_ENGINE_NAME,
  ATTR_TURNKEEPER_ENGINE_SESSION_ID,
  ATTR_TURNKEEPER_LINK_KIND,
  ATTR_TURNKEEPER_SESSION_PARENT_ID,
  DEPRECATED_ATTR_GEN_AI_COMPLETION,
  DEPRECATED_ATTR_GEN_AI_PROMPT,
  DEPRECATED_ATTR_GEN_AI_SYSTEM,
  DEPRECATED_ATTR_GEN_AI_USAGE_COMPLETION_TOKENS,
  DEPRECATED_ATTR_GEN_AI_USAGE_PROMPT_TOKENS,
  EVENT_RUN_START,
  LINK_KIND_PREVIOUS_TURN,
  OPERATION_CHAT,
  OPERATION_CREATE_AGENT,
  OPERATION_EXECUTE_TOOL,
  OPERATION_INVOKE_AGENT,
  OPERATION_INVOKE_WORKFLOW,
} from '@turnkeeper/instrumentation/semconv';
import { attribute, list, literal } from './sql.ts';

/** SDKs cut start times off to the millisecond; nanoseconds. */
const tolerance = 2_000_000;

/** Steps from a run up to the one that encloses it. */
const deepest = 64;

const unwanted = [
  ATTR_GEN_AI_INPUT_MESSAGES,
  ATTR_GEN_AI_OUTPUT_MESSAGES,
  ATTR_GEN_AI_SYSTEM_INSTRUCTIONS,
  ATTR_GEN_AI_TOOL_CALL_ARGUMENTS,
  ATTR_GEN_AI_TOOL_CALL_RESULT,
  DEPRECATED_ATTR_GEN_AI_SYSTEM,
  DEPRECATED_ATTR_GEN_AI_PROMPT,
  DEPRECATED_ATTR_GEN_AI_COMPLETION,
  DEPRECATED_ATTR_GEN_AI_USAGE_PROMPT_TOKENS,
  DEPRECATED_ATTR_GEN_AI_USAGE_COMPLETION_TOKENS,
];
const counts = [
  ATTR_GEN_AI_USAGE_INPUT_TOKENS,
  ATTR_GEN_AI_USAGE_OUTPUT_TOKENS,
  ATTR_GEN_AI_USAGE_CACHE_READ_INPUT_TOKENS,
  ATTR_GEN_AI_USAGE_CACHE_CREATION_INPUT_TOKENS,
  ATTR_GEN_AI_USAGE_REASONING_OUTPUT_TOKENS,
];
const ids = [ATTR_SESSION_ID, ATTR_GEN_AI_CONVERSATION_ID, ATTR_SESSION_PREVIOUS_ID, ATTR_TURNKEEPER_SESSION_PARENT_ID];

/** Columns that the questions below are asked of: one row a span. */
function spans(from: string): string {
  return `SELECT TraceId, SpanId, ParentSpanId, SpanName, ServiceName,
  lower(replaceRegexpOne(SpanKind, '^SPAN_KIND_', '')) AS kind, lower(replaceRegexpOne(StatusCode, '^STATUS_CODE_', '')) = 'error' AS failed,
  toUnixTimestamp64Nano(Timestamp) AS start, start + Duration AS end, toString(ResourceAttributes) AS process,
  ${attribute(ATTR_SESSION_ID)} AS session, ${attribute(ATTR_GEN_AI_CONVERSATION_ID)} AS conversation,
  ${attribute(ATTR_TURNKEEPER_ENGINE_NAME)} AS engine, ${attribute(ATTR_TURNKEEPER_ENGINE_SESSION_ID)} AS engineSession,
  ${attribute(ATTR_GEN_AI_OPERATION_NAME)} AS operation, ${attribute(ATTR_GEN_AI_RESPONSE_ID)} AS response,
  toUInt64OrZero(${attribute(ATTR_GEN_AI_USAGE_INPUT_TOKENS)}) AS inputTokens,
  toUInt64OrZero(${attribute(ATTR_GEN_AI_USAGE_OUTPUT_TOKENS)}) AS outputTokens,
  engine != '' AND operation IN ${list([OPERATION_INVOKE_AGENT, OPERATION_INVOKE_WORKFLOW])} AS turn,
  arrayFirst((trace, attributes) -> attributes[${literal(ATTR_TURNKEEPER_LINK_KIND)}] = ${literal(LINK_KIND_PREVIOUS_TURN)}, Links.TraceId, Links.Attributes) AS previous,
  (${flaws().join('\n    OR ')}) AS flawed
FROM ${from}`;
}

function isNotNamed(subject: string): string {
  return `SpanName != if(${attribute(subject)} = '', operation, concat(operation, ' ', ${attribute(subject)}))`;
}

function isOperation(operation: string): string {
  return `operation = ${literal(operation)}`;
}

/** What a span can be suspected of by itself. Rather too often than not often enough: the rules have the last word. */
function flaws(): readonly string[] {
  const wellFormed = ids.map(
    (id) =>
      `mapContains(SpanAttributes, ${literal(id)}) AND NOT match(${attribute(id)}, '^[\\\\x21-\\\\x7e]([\\\\x20-\\\\x7e]{0,126}[\\\\x21-\\\\x7e])?$')`,
  );
  return [
    // operation-shape
    `${isOperation(OPERATION_CHAT)} AND (${isNotNamed(ATTR_GEN_AI_REQUEST_MODEL)} OR kind != 'client' OR ${attribute(ATTR_GEN_AI_PROVIDER_NAME)} = '')`,
    `${isOperation(OPERATION_INVOKE_AGENT)} AND (${isNotNamed(ATTR_GEN_AI_AGENT_NAME)} OR kind NOT IN ('internal', 'client') OR ${attribute(ATTR_GEN_AI_PROVIDER_NAME)} = '' OR (kind = 'client' AND ${attribute(ATTR_SERVER_ADDRESS)} = ''))`,
    `${isOperation(OPERATION_EXECUTE_TOOL)} AND (${isNotNamed(ATTR_GEN_AI_TOOL_NAME)} OR kind != 'internal' OR ${attribute(ATTR_GEN_AI_TOOL_NAME)} = '')`,
    `${isOperation(OPERATION_INVOKE_WORKFLOW)} AND (${isNotNamed(ATTR_GEN_AI_WORKFLOW_NAME)} OR kind != 'internal')`,
    `${isOperation(OPERATION_CREATE_AGENT)} AND (${isNotNamed(ATTR_GEN_AI_AGENT_NAME)} OR kind != 'client')`,
    `operation = '' AND engine = '' AND (${attribute(ATTR_GEN_AI_REQUEST_MODEL)} != '' OR ${attribute(ATTR_GEN_AI_TOOL_NAME)} != '')`,
    // errors-typed
    `(operation != '' OR engine != '') AND failed != (${attribute(ATTR_ERROR_TYPE)} != '')`,
    // conversation-matches
    `session != '' AND conversation != session AND operation IN ${list([OPERATION_CHAT, OPERATION_INVOKE_AGENT, OPERATION_INVOKE_WORKFLOW])}`,
    // run-start-matches
    `engine != '' AND (countEqual(Events.Name, ${literal(EVENT_RUN_START)}) != 1 OR arrayFirst((attributes, event) -> event = ${literal(EVENT_RUN_START)}, Events.Attributes, Events.Name)[${literal(ATTR_SESSION_ID)}] != session)`,
    // no-content, deprecated-names
    `hasAny(mapKeys(SpanAttributes), ${array(unwanted)}) OR arrayExists(attributes -> hasAny(mapKeys(attributes), ${array(unwanted)}), Events.Attributes)`,
    `arrayExists(key -> arrayExists(name -> startsWith(key, concat(name, '.')), ${array(unwanted)}), mapKeys(SpanAttributes))`,
    // usage-sane
    ...counts.map(
      (name) => `mapContains(SpanAttributes, ${literal(name)}) AND toUInt64OrNull(${attribute(name)}) IS NULL`,
    ),
    `${attribute(ATTR_GEN_AI_USAGE_INPUT_TOKENS)} != '' AND inputTokens < toUInt64OrZero(${attribute(ATTR_GEN_AI_USAGE_CACHE_READ_INPUT_TOKENS)}) + toUInt64OrZero(${attribute(ATTR_GEN_AI_USAGE_CACHE_CREATION_INPUT_TOKENS)})`,
    `${attribute(ATTR_GEN_AI_USAGE_OUTPUT_TOKENS)} != '' AND outputTokens < toUInt64OrZero(${attribute(ATTR_GEN_AI_USAGE_REASONING_OUTPUT_TOKENS)})`,
    // id-well-formed, id-not-minted, id-not-in-names, session-start-once
    ...wellFormed,
    `length(session) >= 4 AND position(SpanName, session) > 0`,
    `length(conversation) >= 4 AND position(SpanName, conversation) > 0`,
    `session != '' AND ${attribute(ATTR_SESSION_PREVIOUS_ID)} = session`,
  ].map((flaw) => `(${flaw})`);
}

/**
 * Traces in which a rule may find something, with the sessions in them. Aggregates per trace, on the server: what comes
 * back is as much as is wrong.
 */
export function suspectTraces(from: string, limit: number): string {
  const nested = `arrayExists(parent -> parent != '' AND has(spanIds, parent), rootParents)`;
  return `WITH spans AS (${spans(from)})
SELECT trace, sessions FROM (
SELECT TraceId AS trace, groupUniqArrayIf(session, session != '') AS sessions, groupArray(SpanId) AS spanIds,
  groupArray(ParentSpanId) AS parents, groupArray(start) AS starts, groupArray(end) AS ends, groupArray(kind) AS kinds, groupArray(process) AS processes,
  groupArrayIf(ParentSpanId, engine != '') AS rootParents, minIf(start, engine != '') AS firstRoot, countIf(engine != '') AS runs,
  groupArrayIf((ParentSpanId, start), session = '') AS unstamped, max(flawed) AS isFlawed,
  countIf(engine != '' AND session = '') AS sessionless, uniqExactIf((engine, session), engine != '') AS kindsOfRun, uniqExactIf(session, engine != '') AS runSessions,
  countIf(operation = ${literal(OPERATION_CHAT)} AND response != '') - uniqExactIf(response, operation = ${literal(OPERATION_CHAT)} AND response != '') AS repeated,
  sumIf(inputTokens, engine != '') AS rootInput, sumIf(inputTokens, operation = ${literal(OPERATION_CHAT)}) AS chatInput,
  sumIf(outputTokens, engine != '') AS rootOutput, sumIf(outputTokens, operation = ${literal(OPERATION_CHAT)}) AS chatOutput,
  mapFromArrays(spanIds, arrayZip(starts, ends, processes)) AS byId
FROM spans GROUP BY TraceId)
WHERE isFlawed OR sessionless > 0 OR repeated > 0
  OR (runs > 0 AND arrayExists(span -> has(spanIds, span.1) AND span.2 >= toInt64(firstRoot) - ${tolerance}, unstamped))
  OR (runs > 0 AND length(sessions) > 1)
  OR runs > kindsOfRun OR (runSessions > 1 AND ${nested})
  OR (rootInput > 0 AND rootInput != chatInput) OR (rootOutput > 0 AND rootOutput != chatOutput)
  OR arrayExists((parent, kind) -> parent != '' AND kind NOT IN ('server', 'consumer') AND NOT has(spanIds, parent), parents, kinds)
  OR arrayExists((parent, start, end, process) -> has(spanIds, parent) AND byId[parent].3 = process AND (start + ${tolerance} < byId[parent].1 OR end > byId[parent].2 + ${tolerance}), parents, starts, ends, processes)
LIMIT ${limit}`;
}

/** Sessions that a rule may find something in which no trace shows by itself. */
export function suspectSessions(from: string, limit: number): string {
  return `WITH spans AS (${spans(from)})
SELECT session FROM (
  SELECT session FROM (
    SELECT session, process, arraySort(turn -> turn.1, groupArray((start, TraceId, previous))) AS turns,
      countIf(conversation != session) AS otherConversations, uniqExact(conversation) AS conversations
    FROM spans WHERE turn AND session != '' GROUP BY session, process
  ) WHERE conversations > 1 OR arrayExists((turn, before) -> turn.2 != before.2 AND turn.3 != before.2, arrayPopFront(turns), arrayPopBack(turns))
  UNION DISTINCT SELECT session FROM spans WHERE turn AND previous != '' AND previous NOT IN (SELECT TraceId FROM ${from})
  UNION DISTINCT SELECT session FROM (SELECT session, previous FROM spans WHERE turn AND previous != '') AS links
    INNER JOIN (SELECT TraceId, any(session) AS linked FROM spans WHERE session != '' GROUP BY TraceId) AS targets ON links.previous = targets.TraceId WHERE linked != session
  UNION DISTINCT SELECT session FROM spans WHERE session != '' AND session IN (SELECT engineSession FROM spans WHERE engineSession != '')
  UNION DISTINCT SELECT session FROM spans WHERE session != '' AND (lower(replaceAll(session, '-', '')) IN (SELECT TraceId FROM ${from}) OR lower(session) IN (SELECT SpanId FROM ${from}))
) WHERE session != '' LIMIT ${limit}`;
}

/** How much there is. A run that another one encloses is no turn: what is above it is looked up step by step. */
export function summary(from: string): string {
  const session = attribute(ATTR_SESSION_ID);
  const isRun = `${attribute(ATTR_TURNKEEPER_ENGINE_NAME)} != ''`;
  const isTurn = `${isRun} AND ${attribute(ATTR_GEN_AI_OPERATION_NAME)} IN ${list([OPERATION_INVOKE_AGENT, OPERATION_INVOKE_WORKFLOW])}`;
  return `WITH enclosed AS (
  SELECT groupUniqArrayIf(SpanId, ${isRun}) AS runs, groupUniqArrayIf(SpanId, ${isTurn}) AS turns,
    mapFromArrays(groupArray(SpanId), groupArray(ParentSpanId)) AS parents,
    arrayCount(turn -> has(runs, arrayFold((above, step) -> if(above = '' OR has(runs, above), above, parents[above]), range(${deepest}), parents[turn])), turns) AS inner
  FROM ${from} GROUP BY TraceId HAVING length(runs) > 1)
SELECT toString(uniqExact(TraceId, SpanId)) AS spans, toString(uniqExact(TraceId)) AS traces,
  toString(uniqExactIf(${session}, ${session} != '')) AS sessions,
  toString(uniqExactIf((TraceId, SpanId), ${isTurn}) - (SELECT sum(inner) FROM enclosed)) AS turns FROM ${from}`;
}

/** The traces of some sessions, and those in which one of these ids is an engine's own. */
export function tracesOfSessions(from: string, sessions: Iterable<string>): string {
  return `SELECT DISTINCT TraceId AS trace FROM ${from} WHERE ${attribute(ATTR_SESSION_ID)} IN ${list(sessions)}
  OR ${attribute(ATTR_TURNKEEPER_ENGINE_SESSION_ID)} IN ${list(sessions)}`;
}

/** Every span of some traces, with all that rules look at. */
export function spansOfTraces(table: string, traces: Iterable<string>): string {
  return `${everySpan(table)} WHERE TraceId IN ${list(traces)}`;
}

/** Every span, with all that rules look at. */
export function everySpan(table: string): string {
  return `SELECT TraceId, SpanId, ParentSpanId, SpanName, SpanKind, StatusCode, StatusMessage,
  toString(toUnixTimestamp64Nano(Timestamp)) AS start, toString(toUnixTimestamp64Nano(Timestamp) + Duration) AS end,
  SpanAttributes, ResourceAttributes, Events.Name AS eventNames, arrayMap(time -> toString(toUnixTimestamp64Nano(time)), Events.Timestamp) AS eventTimes,
  Events.Attributes AS eventAttributes, Links.TraceId AS linkTraces, Links.SpanId AS linkSpans, Links.Attributes AS linkAttributes
FROM ${table}`;
}

function array(texts: readonly string[]): string {
  return `[${texts.map(literal).join(', ')}]`;
}
