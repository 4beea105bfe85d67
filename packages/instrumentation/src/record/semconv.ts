/**
 * Every attribute, event and metric name that Turnkeeper writes or reads. The only file that spells one.
 *
 * Names of OpenTelemetry come from the GenAI and general semantic conventions
 * (https://opentelemetry.io/docs/specs/semconv/gen-ai/); names that begin with `turnkeeper.` are ours and stable.
 */

// The conversation.

/** The session a span belongs to: one id for every turn of a conversation, on every span. */
export const ATTR_SESSION_ID = 'session.id';
/** The session that this one continues; never equal to `session.id`. */
export const ATTR_SESSION_PREVIOUS_ID = 'session.previous_id';
/** The conversation a GenAI span belongs to; equal to `session.id` unless the caller says otherwise. */
export const ATTR_GEN_AI_CONVERSATION_ID = 'gen_ai.conversation.id';
/** The user whose session it is. */
export const ATTR_USER_ID = 'user.id';

// Ours.

/** Who gave the session id: explicit, attached, context, baggage, environment, engine or generated. On the root span of a run. */
export const ATTR_TURNKEEPER_SESSION_SOURCE = 'turnkeeper.session.source';
/** Value of `turnkeeper.session.source`: nobody gave an id, and the fallback made one up. */
export const SESSION_SOURCE_GENERATED = 'generated';
/** The runner engine of a run: pi, rivet, acp, … On the root span of a run. */
export const ATTR_TURNKEEPER_ENGINE_NAME = 'turnkeeper.engine.name';
/** The engine's own session id, where it differs from `session.id`. On the root span of a run. */
export const ATTR_TURNKEEPER_ENGINE_SESSION_ID = 'turnkeeper.engine.session.id';
/** What the engine's own session has cost so far, as the engine says; it may begin anew when a session is resumed. */
export const ATTR_TURNKEEPER_ENGINE_SESSION_COST = 'turnkeeper.engine.session.cost';
/** The unit of `turnkeeper.engine.session.cost`: a code of ISO 4217, or another unit such as `credits`. */
export const ATTR_TURNKEEPER_ENGINE_SESSION_COST_CURRENCY = 'turnkeeper.engine.session.cost.currency';
/** The session that encloses a child session. On the spans of the child session. */
export const ATTR_TURNKEEPER_SESSION_PARENT_ID = 'turnkeeper.session.parent_id';
/** The application that a `SessionContext` names. On the root span of a run. */
export const ATTR_TURNKEEPER_SESSION_APPLICATION = 'turnkeeper.session.application';
/** The session id that another instrumentation had written on the span. */
export const ATTR_TURNKEEPER_SESSION_OVERWRITTEN = 'turnkeeper.session.overwritten';
/** What a run waits for: permission, answer, … On the event `run.wait`. */
export const ATTR_TURNKEEPER_WAIT_REASON = 'turnkeeper.wait.reason';
/** What kind of step an engine takes, where the conventions have no operation for it: session, guardrail, run, … */
export const ATTR_TURNKEEPER_STEP_TYPE = 'turnkeeper.step.type';
/** Which step of its kind: getItems, addItems, the name of a guardrail or an agent, … */
export const ATTR_TURNKEEPER_STEP_NAME = 'turnkeeper.step.name';
/** The state that a run has come to, in the engine's word: pending, running, … On the event `run.state`. */
export const ATTR_TURNKEEPER_RUN_STATE = 'turnkeeper.run.state';
/** What that state is about, where it is not the run as a whole. On the event `run.state`. */
export const ATTR_TURNKEEPER_RUN_STATE_SUBJECT = 'turnkeeper.run.state.subject';
/** What a span link means; `previous_turn` on the root span of a run. */
export const ATTR_TURNKEEPER_LINK_KIND = 'turnkeeper.link.kind';
/** Value of `turnkeeper.link.kind`: the link leads to the turn before, in the same session. */
export const LINK_KIND_PREVIOUS_TURN = 'previous_turn';

// Events.

/** One per run: an event on the run's root span, and a log event. */
export const EVENT_RUN_START = 'run.start';
/** An event on the run's root span: from here on the run waits for a person. */
export const EVENT_RUN_WAIT = 'run.wait';
/** An event on the run's root span: the engine named a state that the run has come to. */
export const EVENT_RUN_STATE = 'run.state';
/** A log event: once per session. */
export const EVENT_SESSION_START = 'session.start';
/** A log event: when an engine says that a session is over. */
export const EVENT_SESSION_END = 'session.end';

// GenAI operations.

/** What a GenAI span does: chat, invoke_agent, invoke_workflow, execute_tool or create_agent. */
export const ATTR_GEN_AI_OPERATION_NAME = 'gen_ai.operation.name';
/** Value of `gen_ai.operation.name`: one call of a model. */
export const OPERATION_CHAT = 'chat';
/** Value of `gen_ai.operation.name`: one turn of an agent. */
export const OPERATION_INVOKE_AGENT = 'invoke_agent';
/** Value of `gen_ai.operation.name`: one turn in which several agents take part. */
export const OPERATION_INVOKE_WORKFLOW = 'invoke_workflow';
/** Value of `gen_ai.operation.name`: one call of a tool. */
export const OPERATION_EXECUTE_TOOL = 'execute_tool';
/** Value of `gen_ai.operation.name`: an agent is created in a remote service. */
export const OPERATION_CREATE_AGENT = 'create_agent';
/** Who serves the model or the agent. */
export const ATTR_GEN_AI_PROVIDER_NAME = 'gen_ai.provider.name';
export const ATTR_GEN_AI_AGENT_ID = 'gen_ai.agent.id';
export const ATTR_GEN_AI_AGENT_NAME = 'gen_ai.agent.name';
export const ATTR_GEN_AI_AGENT_DESCRIPTION = 'gen_ai.agent.description';
export const ATTR_GEN_AI_AGENT_VERSION = 'gen_ai.agent.version';
export const ATTR_GEN_AI_WORKFLOW_NAME = 'gen_ai.workflow.name';
export const ATTR_GEN_AI_REQUEST_MODEL = 'gen_ai.request.model';
export const ATTR_GEN_AI_RESPONSE_ID = 'gen_ai.response.id';
export const ATTR_GEN_AI_RESPONSE_MODEL = 'gen_ai.response.model';
/** From the start of a call, or of a run, to the first piece of its answer. Seconds. */
export const ATTR_GEN_AI_RESPONSE_TIME_TO_FIRST_CHUNK = 'gen_ai.response.time_to_first_chunk';
/** Why the model stopped, one per choice. */
export const ATTR_GEN_AI_RESPONSE_FINISH_REASONS = 'gen_ai.response.finish_reasons';
export const ATTR_GEN_AI_TOOL_NAME = 'gen_ai.tool.name';
export const ATTR_GEN_AI_TOOL_TYPE = 'gen_ai.tool.type';
export const ATTR_GEN_AI_TOOL_CALL_ID = 'gen_ai.tool.call.id';
/** Tokens of the prompt, cached ones included. */
export const ATTR_GEN_AI_USAGE_INPUT_TOKENS = 'gen_ai.usage.input_tokens';
export const ATTR_GEN_AI_USAGE_OUTPUT_TOKENS = 'gen_ai.usage.output_tokens';
export const ATTR_GEN_AI_USAGE_CACHE_READ_INPUT_TOKENS = 'gen_ai.usage.cache_read.input_tokens';
export const ATTR_GEN_AI_USAGE_CACHE_CREATION_INPUT_TOKENS = 'gen_ai.usage.cache_creation.input_tokens';
export const ATTR_GEN_AI_USAGE_REASONING_OUTPUT_TOKENS = 'gen_ai.usage.reasoning.output_tokens';

// Content: opt-in.

export const ATTR_GEN_AI_INPUT_MESSAGES = 'gen_ai.input.messages';
export const ATTR_GEN_AI_OUTPUT_MESSAGES = 'gen_ai.output.messages';
export const ATTR_GEN_AI_SYSTEM_INSTRUCTIONS = 'gen_ai.system_instructions';
export const ATTR_GEN_AI_TOOL_CALL_ARGUMENTS = 'gen_ai.tool.call.arguments';
export const ATTR_GEN_AI_TOOL_CALL_RESULT = 'gen_ai.tool.call.result';

// General.

/** Why an operation failed: a short, low-cardinality word. Present if and only if the status is ERROR. */
export const ATTR_ERROR_TYPE = 'error.type';
/** The service that a process belongs to. On the resource. */
export const ATTR_SERVICE_NAME = 'service.name';
export const ATTR_SERVER_ADDRESS = 'server.address';
export const ATTR_SERVER_PORT = 'server.port';
/** Where a person can look at a remote agent's session. On the root span of a run. */
export const ATTR_URL_FULL = 'url.full';

// Deprecated: never written, looked for by the checker.

export const DEPRECATED_ATTR_GEN_AI_SYSTEM = 'gen_ai.system';
export const DEPRECATED_ATTR_GEN_AI_PROMPT = 'gen_ai.prompt';
export const DEPRECATED_ATTR_GEN_AI_COMPLETION = 'gen_ai.completion';
export const DEPRECATED_ATTR_GEN_AI_USAGE_PROMPT_TOKENS = 'gen_ai.usage.prompt_tokens';
export const DEPRECATED_ATTR_GEN_AI_USAGE_COMPLETION_TOKENS = 'gen_ai.usage.completion_tokens';

// Metrics.

/** Histogram, seconds: a call of a model. */
export const METRIC_GEN_AI_CLIENT_OPERATION_DURATION = 'gen_ai.client.operation.duration';
/** Histogram, tokens: a call of a model, by `gen_ai.token.type`. */
export const METRIC_GEN_AI_CLIENT_TOKEN_USAGE = 'gen_ai.client.token.usage';
/** Histogram, seconds: a turn of an agent. */
export const METRIC_GEN_AI_INVOKE_AGENT_DURATION = 'gen_ai.invoke_agent.duration';
/** Histogram, seconds: a call of a tool. */
export const METRIC_GEN_AI_EXECUTE_TOOL_DURATION = 'gen_ai.execute_tool.duration';
/** Counter: runs, by who gave the session id. */
export const METRIC_TURNKEEPER_SESSION_RESOLVED = 'turnkeeper.session.resolved';
/** Counter: session ids that were no good, by source. */
export const METRIC_TURNKEEPER_SESSION_REJECTED = 'turnkeeper.session.rejected';
/** On a measurement of tokens: input or output. */
export const ATTR_GEN_AI_TOKEN_TYPE = 'gen_ai.token.type';
