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
  ATTR_TURNKEEPER_SESSION_SOURCE,
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
  SESSION_SOURCE_GENERATED,
} from '@turnkeeper/instrumentation/semconv';
import { ATTR_GEN_AI_PROMPT_NAME, ATTR_MCP_METHOD_NAME } from '../../mcp.ts';
import { messageEvents } from '../../message-events.ts';
import { attribute, list, literal } from './sql.ts';
import { lookUp, trees } from './trees.ts';

/** SDKs cut start times off to the millisecond; nanoseconds. */
const tolerance = 2_000_000;

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

/** Columns that the questions below are asked of, and more of them: one row a span. */
function spans(from: string, more: readonly string[] = []): string {
  const isPrevious = `attributes[${literal(ATTR_TURNKEEPER_LINK_KIND)}] = ${literal(LINK_KIND_PREVIOUS_TURN)}`;
  const columns = `TraceId, SpanId, ParentSpanId, SpanName,
  lower(replaceRegexpOne(SpanKind, '^SPAN_KIND_', '')) AS kind, lower(replaceRegexpOne(StatusCode, '^STATUS_CODE_', '')) = 'error' AS failed,
  toUnixTimestamp64Nano(Timestamp) AS start, start + Duration AS end, sipHash64(toString(mapSort(ResourceAttributes))) AS process,
  ${attribute(ATTR_SESSION_ID)} AS session, ${attribute(ATTR_GEN_AI_CONVERSATION_ID)} AS conversation,
  ${attribute(ATTR_TURNKEEPER_ENGINE_NAME)} AS engine, ${attribute(ATTR_TURNKEEPER_ENGINE_SESSION_ID)} AS engineSession,
  engine != '' AS root, root AND ${attribute(ATTR_TURNKEEPER_SESSION_SOURCE)} = ${literal(SESSION_SOURCE_GENERATED)} AS generated,
  ${attribute(ATTR_GEN_AI_OPERATION_NAME)} AS operation, ${isOperation(OPERATION_CHAT)} AS chat, ${attribute(ATTR_GEN_AI_RESPONSE_ID)} AS response,
  operation IN ${list([OPERATION_CHAT, OPERATION_INVOKE_AGENT, OPERATION_INVOKE_WORKFLOW])} AS conversational,
  ${countOf(ATTR_GEN_AI_USAGE_INPUT_TOKENS)} AS inputTokens, ${countOf(ATTR_GEN_AI_USAGE_OUTPUT_TOKENS)} AS outputTokens,
  root AND operation IN ${list([OPERATION_INVOKE_AGENT, OPERATION_INVOKE_WORKFLOW])} AS turn,
  arrayFilter((link, attributes) -> ${isPrevious}, arrayZip(Links.TraceId, Links.SpanId), Links.Attributes) AS previous`;
  return `SELECT ${[columns, ...more].join(',\n  ')} FROM ${from}`;
}

/** A token count; -1 where there is none. */
function countOf(name: string): string {
  return `if(mapContains(SpanAttributes, ${literal(name)}), toInt64OrZero(${attribute(name)}), -1)`;
}

function isNotNamed(subject: string): string {
  return `SpanName != if(${attribute(subject)} = '', operation, concat(operation, ' ', ${attribute(subject)}))`;
}

function isOperation(operation: string): string {
  return `operation = ${literal(operation)}`;
}

function saidAtStart(name: string): string {
  return `arrayFirst((attributes, event) -> event = ${literal(EVENT_RUN_START)}, Events.Attributes, Events.Name)[${literal(name)}]`;
}

const mcpMethod = attribute(ATTR_MCP_METHOD_NAME);
const isCallOverMcp = `(${mcpMethod} != '' AND kind IN ('client', 'server') AND (SpanName = ${mcpMethod} OR startsWith(SpanName, concat(${mcpMethod}, ' '))))`;

/** What a span can be suspected of by itself. Rather too often than not often enough: the rules have the last word. */
function flaws(from: string): readonly string[] {
  const wellFormed = ids.map(
    (id) =>
      `mapContains(SpanAttributes, ${literal(id)}) AND NOT match(${attribute(id)}, '^[\\\\x21-\\\\x7e]([\\\\x20-\\\\x7e]{0,126}[\\\\x21-\\\\x7e])?$')`,
  );
  const isUnwanted = `key != ${literal(ATTR_GEN_AI_PROMPT_NAME)} AND match(key, ${literal(`^(?:${unwanted.map((name) => name.replaceAll('.', '\\.')).join('|')})(?:\\.|$)`)})`;
  return [
    // operation-shape
    `${isOperation(OPERATION_CHAT)} AND (${isNotNamed(ATTR_GEN_AI_REQUEST_MODEL)} OR kind NOT IN ('client', 'internal') OR ${attribute(ATTR_GEN_AI_PROVIDER_NAME)} = '')`,
    `${isOperation(OPERATION_INVOKE_AGENT)} AND (${isNotNamed(ATTR_GEN_AI_AGENT_NAME)} OR kind NOT IN ('internal', 'client') OR ${attribute(ATTR_GEN_AI_PROVIDER_NAME)} = '' OR (kind = 'client' AND ${attribute(ATTR_SERVER_ADDRESS)} = ''))`,
    `${isOperation(OPERATION_EXECUTE_TOOL)} AND NOT ${isCallOverMcp} AND (${isNotNamed(ATTR_GEN_AI_TOOL_NAME)} OR kind != 'internal' OR ${attribute(ATTR_GEN_AI_TOOL_NAME)} = '')`,
    `${isOperation(OPERATION_INVOKE_WORKFLOW)} AND (${isNotNamed(ATTR_GEN_AI_WORKFLOW_NAME)} OR kind != 'internal')`,
    `${isOperation(OPERATION_CREATE_AGENT)} AND (${isNotNamed(ATTR_GEN_AI_AGENT_NAME)} OR kind != 'client')`,
    `operation = '' AND engine = '' AND NOT ${isCallOverMcp} AND (${attribute(ATTR_GEN_AI_REQUEST_MODEL)} != '' OR ${attribute(ATTR_GEN_AI_TOOL_NAME)} != '')`,
    // errors-typed
    `(operation != '' OR engine != '') AND failed != (${attribute(ATTR_ERROR_TYPE)} != '')`,
    // conversation-matches
    `conversational AND session != '' AND conversation != session`,
    // run-start-matches
    `root AND (countEqual(Events.Name, ${literal(EVENT_RUN_START)}) != 1 OR ${saidAtStart(ATTR_SESSION_ID)} != session)`,
    `root AND conversation != '' AND ${saidAtStart(ATTR_GEN_AI_CONVERSATION_ID)} != '' AND ${saidAtStart(ATTR_GEN_AI_CONVERSATION_ID)} != conversation`,
    // turns-linked, sessions-not-mixed, sampled-whole: there is room for one link
    `root AND length(previous) > 1`,
    // no-content, deprecated-names
    `arrayExists(key -> ${isUnwanted}, mapKeys(SpanAttributes)) OR arrayExists(attributes -> arrayExists(key -> ${isUnwanted}, mapKeys(attributes)), Events.Attributes)`,
    `arrayExists(event -> event IN ${list(messageEvents)}, Events.Name)`,
    // usage-sane
    ...counts.map(
      (name) => `mapContains(SpanAttributes, ${literal(name)}) AND NOT match(${attribute(name)}, '^[0-9]{1,15}$')`,
    ),
    `${attribute(ATTR_GEN_AI_USAGE_INPUT_TOKENS)} != '' AND inputTokens < toUInt64OrZero(${attribute(ATTR_GEN_AI_USAGE_CACHE_READ_INPUT_TOKENS)}) + toUInt64OrZero(${attribute(ATTR_GEN_AI_USAGE_CACHE_CREATION_INPUT_TOKENS)})`,
    `${attribute(ATTR_GEN_AI_USAGE_OUTPUT_TOKENS)} != '' AND outputTokens < toUInt64OrZero(${attribute(ATTR_GEN_AI_USAGE_REASONING_OUTPUT_TOKENS)})`,
    // id-well-formed, id-not-minted, id-not-in-names, session-start-once
    ...wellFormed,
    `${digitsOf('session')} IN (${madeFrom(from)}) OR ${digitsOf('conversation')} IN (${madeFrom(from)})`,
    `length(session) >= 4 AND position(SpanName, session) > 0`,
    `length(conversation) >= 4 AND position(SpanName, conversation) > 0`,
    `session != '' AND ${attribute(ATTR_SESSION_PREVIOUS_ID)} = session`,
  ].map((flaw) => `(${flaw})`);
}

/** An id without what may dress it up as a UUID. */
function digitsOf(id: string): string {
  return `lower(replaceAll(${id}, '-', ''))`;
}

/** The ids of traces and spans that a session or a conversation goes by: few, where those of all are many. */
function madeFrom(from: string): string {
  const given = [ATTR_SESSION_ID, ATTR_GEN_AI_CONVERSATION_ID].map((name) => digitsOf(attribute(name)));
  return `SELECT arrayJoin([TraceId, SpanId]) AS id FROM ${from} WHERE id IN (SELECT arrayJoin([${given.join(', ')}]) FROM ${from})`;
}

/** Whether a run's total is not the sum of its model calls, where each of them says its own. */
function isMiscounted(tokens: string): string {
  const own = `arrayFilter((count, chat, owner) -> chat AND owner = root, ${tokens}, isChat, run)`;
  return `arrayExists(root -> ${tokens}[root] >= 0 AND notEmpty(${own}) AND arrayMin(${own}) >= 0 AND arraySum(${own}) != ${tokens}[root], roots)`;
}

/**
 * Traces in which a rule may find something, with the sessions in them. Aggregates per trace, on the server: what comes
 * back is as much as is wrong.
 */
export function suspectTraces(from: string, limit: number): string {
  const columns = [
    "groupUniqArrayIf(session, session != '') AS sessions",
    'max(flawed) AS isFlawed',
    "max(root AND session = '') AS isSessionless",
    `max(generated) AND max(conversational AND conversation != '' AND (session = '' OR session = conversation)) AS givesOut`,
    `countIf(chat AND response != '') - uniqExactIf(response, chat AND response != '') AS repeated`,
    'uniqExactIf((engine, session), root) AS kindsOfRun',
    'uniqExact(SpanId) AS distinctSpans',
    'groupArray(sipHash64(session)) AS stamps',
    'groupArray(start) AS starts',
    'groupArray(end) AS endings',
    'groupArray(process) AS processes',
    `groupArray(ParentSpanId != '' AND kind NOT IN ('server', 'consumer')) AS needsParent`,
    'groupArray(chat) AS isChat',
    'groupArray(inputTokens) AS inputs',
    'groupArray(outputTokens) AS outputs',
  ];
  const ofParents = ['starts', 'endings', 'processes'].map((values) => lookUp('parents', 'positions', values));
  const suspicions = [
    'isFlawed',
    'isSessionless',
    'givesOut',
    'repeated > 0',
    'length(roots) > kindsOfRun',
    // The same span twice, as after a repeated export: only the index of the rules counts it once.
    'length(ids) > distinctSpans',
    `arrayExists((stamp, root, other) -> root != 0 AND stamp != other, stamps, above, ${lookUp('above', 'positions', 'stamps')})`,
    isMiscounted('inputs'),
    isMiscounted('outputs'),
    'arrayExists((parent, needed) -> parent = 0 AND needed, parents, needsParent)',
    `arrayExists((parent, start, end, process, first, last, other) -> parent != 0 AND process = other AND (start + ${tolerance} < first OR end > last + ${tolerance}),
    parents, starts, endings, processes, ${ofParents.join(', ')})`,
  ].map((suspicion) => `(${suspicion})`);
  const flawed = `(${flaws(from).join('\n    OR ')}) AS flawed`;
  // Added up: where they are joined by OR, what they share is worked out again for each.
  return `WITH spans AS (${spans(from, [flawed])}), trees AS (${trees(columns)})
SELECT TraceId AS trace, sessions FROM trees
WHERE ${suspicions.join('\n  + ')} > 0
LIMIT ${limit}`;
}

/** Sessions that a rule may find something in which no trace shows by itself. */
export function suspectSessions(from: string, limit: number): string {
  return `WITH spans AS (${spans(from)}), enclosed AS (${enclosedTurns()}),
  links AS (SELECT session, previous[1].1 AS trace, previous[1].2 AS span FROM spans WHERE root AND notEmpty(previous))
SELECT session FROM (
  SELECT session FROM (
    SELECT session, arraySort(groupArray((start, TraceId, SpanId, previous))) AS turns, uniqExact(conversation) AS conversations
    FROM spans WHERE turn AND session != '' AND (TraceId, SpanId) NOT IN (SELECT TraceId, SpanId FROM enclosed) GROUP BY session, process
  ) WHERE conversations > 1
    OR arrayExists((turn, before) -> if(empty(turn.4), turn.2 != before.2, turn.4[1] != (before.2, before.3) OR turn.1 = before.1), arrayPopFront(turns), arrayPopBack(turns))
  UNION DISTINCT SELECT session FROM links WHERE trace NOT IN (SELECT TraceId FROM ${from})
  UNION DISTINCT SELECT links.session FROM links INNER JOIN (SELECT TraceId, SpanId, session FROM spans WHERE session != '' AND (TraceId, SpanId) IN (SELECT trace, span FROM links)) AS targets
    ON links.trace = targets.TraceId AND links.span = targets.SpanId WHERE links.session != targets.session
  UNION DISTINCT SELECT session FROM spans WHERE session != '' AND session IN (SELECT engineSession FROM spans WHERE engineSession != '')
  UNION DISTINCT SELECT arrayJoin(sessions) AS session FROM (
    SELECT groupUniqArray(session) AS sessions FROM spans WHERE turn AND engineSession != '' GROUP BY engineSession HAVING uniqExactIf(session, generated) > 1)
) WHERE session != '' LIMIT ${limit}`;
}

/** The turns that a run encloses: a person counts them as a part of another one. */
function enclosedTurns(): string {
  const columns = ['groupArray(SpanId) AS spanIds', 'groupArray(turn) AS isTurn'];
  const several = 'TraceId IN (SELECT TraceId FROM spans WHERE root GROUP BY TraceId HAVING count() > 1)';
  return `SELECT TraceId, arrayJoin(arrayFilter((id, turn, root) -> turn AND root != 0, spanIds, isTurn, above)) AS SpanId FROM (${trees(columns, several)})`;
}

/** How much there is. */
export function summary(from: string): string {
  return `WITH spans AS (${spans(from)}), enclosed AS (${enclosedTurns()})
SELECT toString(uniqExact(TraceId, SpanId)) AS spans, toString(uniqExact(TraceId)) AS traces,
  toString(uniqExactIf(session, session != '')) AS sessions,
  toString(uniqExactIf((TraceId, SpanId), turn AND (TraceId, SpanId) NOT IN (SELECT TraceId, SpanId FROM enclosed))) AS turns FROM spans`;
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
