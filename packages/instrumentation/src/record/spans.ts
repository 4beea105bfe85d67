import {
  SpanKind,
  SpanStatusCode,
  type Attributes,
  type Context,
  type Span,
  type SpanContext,
  type Tracer,
} from '@opentelemetry/api';
import { toHrTime, toStartTime } from '../clock.ts';
import type { Call, CallEnd, CallStart, Run } from '../run.ts';
import type { Recorder } from '../recorder.ts';
import type {
  Content,
  Cost,
  Millis,
  ModelEnd,
  Outcome,
  RunEnd,
  RunStart,
  RunState,
  RunWait,
  Usage,
} from '../run-event.ts';
import { withFrame } from '../session/active-session.ts';
import { recordedContent, type ContentSettings } from './content.ts';
import { runStartAttributes, sourceOf } from './events.ts';
import * as semconv from './semconv.ts';
import { RunRecorder, type RunRecorderOptions } from './run-recorder.ts';
import { stamp } from './session-attributes.ts';
import { tell } from './tell.ts';

/** What the spans are written with. */
export interface SpanRecorderOptions extends RunRecorderOptions, ContentSettings {
  readonly tracer: () => Tracer;
}

/**
 * Writes a run as spans: invoke_agent (or invoke_workflow) above chat, execute_tool and the engine's own steps. A span
 * whose session is not known yet is not ended before it is: its end waits, with its own time.
 */
export class SpanRecorder extends RunRecorder implements Recorder {
  readonly #options: SpanRecorderOptions;

  constructor(options: SpanRecorderOptions) {
    super(options);
    this.#options = options;
  }

  startRun(run: Run, event: RunStart, at: Millis): Span {
    tell(this.listeners, (listener) => {
      if (listener.wantsEnds?.()) run.isListenedTo = true;
    });
    return this.#start(run, event, describeRun(run, event), at, withFrame(run.base, { session: run.session }));
  }

  records(run: Run): boolean {
    return run.isListenedTo || run.span?.isRecording() === true;
  }

  identify(run: Run, at: Millis): void {
    const { span } = run;
    if (!span) return;
    const previous = this.enterTurn(run, span.spanContext());
    if (span.isRecording()) this.#writeSession(run, span, previous, at);
    tell(this.listeners, (listener) => listener.identified?.(run, at));
  }

  bind(run: Run): void {
    if (run.span && run.session.isSettled) this.#noteEngineSession(run, run.span);
  }

  startCall(run: Run, event: CallStart, at: Millis, parent: Context): Span {
    return this.#start(run, event, describeCall(run, event), at, parent);
  }

  #start(run: Run, event: RunStart | CallStart, description: SpanDescription, at: Millis, parent: Context): Span {
    const { name, kind, operation, attributes } = description;
    const { session } = run;
    stamp(attributes, session, operation);
    if (event.type !== 'step.start') this.#withContent(attributes, run, inputOf(event), event.input);
    const options = { kind, startTime: toStartTime(at), attributes };
    const span = this.#options.tracer().startSpan(name, options, parent);
    if (!session.isSettled) {
      session.whenKnown(() => {
        // A flush may have ended it before.
        if (span.isRecording()) span.setAttributes(stamp({}, session, operation));
      });
    }
    return span;
  }

  output(span: Span, startedAt: Millis, at: Millis): void {
    span.setAttribute(semconv.ATTR_GEN_AI_RESPONSE_TIME_TO_FIRST_CHUNK, Math.max(0, at - startedAt) / 1000);
  }

  wait(run: Run, event: RunWait, at: Millis): void {
    const attributes = event.reason === undefined ? {} : { [semconv.ATTR_TURNKEEPER_WAIT_REASON]: event.reason };
    run.span?.addEvent(semconv.EVENT_RUN_WAIT, attributes, toHrTime(at));
  }

  state(run: Run, event: RunState, at: Millis): void {
    const attributes: Attributes = { [semconv.ATTR_TURNKEEPER_RUN_STATE]: event.state };
    if (event.subject !== undefined) attributes[semconv.ATTR_TURNKEEPER_RUN_STATE_SUBJECT] = event.subject;
    run.span?.addEvent(semconv.EVENT_RUN_STATE, attributes, toHrTime(at));
  }

  endCall(run: Run, call: Call, outcome: Outcome, end: CallEnd | undefined, at: Millis): void {
    if (end && end.type !== 'step.end' && call.span.isRecording()) {
      const place =
        end.type === 'tool.end' ? semconv.ATTR_GEN_AI_TOOL_CALL_RESULT : semconv.ATTR_GEN_AI_OUTPUT_MESSAGES;
      const attributes = end.type === 'model.end' ? responseAttributes(end) : {};
      call.span.setAttributes(this.#withContent(attributes, run, place, end.output));
    }
    finish(run, call.span, outcome, at);
    if (run.isListenedTo) tell(this.listeners, (listener) => listener.callEnded?.(run, call, outcome, end, at));
  }

  endRun(run: Run, outcome: Outcome, end: RunEnd | undefined, usage: Usage | undefined, at: Millis): void {
    if (!run.span) return;
    if (run.span.isRecording()) {
      const attributes = { ...usageAttributes(usage), ...costAttributes(end?.cost) };
      run.span.setAttributes(this.#withContent(attributes, run, semconv.ATTR_GEN_AI_OUTPUT_MESSAGES, end?.output));
    }
    finish(run, run.span, outcome, at);
    if (run.isListenedTo) tell(this.listeners, (listener) => listener.runEnded?.(run, outcome, at));
  }

  #withContent(attributes: Attributes, { engine }: Run, attribute: string, content: Content | undefined): Attributes {
    const value = recordedContent(this.#options, content, attribute, engine);
    if (value !== undefined) attributes[attribute] = value;
    return attributes;
  }

  #writeSession(run: Run, span: Span, previous: SpanContext | undefined, at: Millis): void {
    const { session } = run;
    const source = sourceOf(run);
    if (source !== undefined) span.setAttribute(semconv.ATTR_TURNKEEPER_SESSION_SOURCE, source);
    if (session.applicationName !== undefined) {
      span.setAttribute(semconv.ATTR_TURNKEEPER_SESSION_APPLICATION, session.applicationName);
    }
    this.#noteEngineSession(run, span);
    if (previous) {
      const attributes = { [semconv.ATTR_TURNKEEPER_LINK_KIND]: semconv.LINK_KIND_PREVIOUS_TURN };
      span.addLink({ context: previous, attributes });
    }
    span.addEvent(semconv.EVENT_RUN_START, runStartAttributes(run), toHrTime(at));
  }

  #noteEngineSession(run: Run, span: Span): void {
    if (run.engineSession !== undefined) {
      span.setAttribute(semconv.ATTR_TURNKEEPER_ENGINE_SESSION_ID, run.engineSession);
    }
    if (run.session.previousId !== undefined) {
      span.setAttribute(semconv.ATTR_SESSION_PREVIOUS_ID, run.session.previousId);
    }
  }
}

function inputOf(event: RunStart | CallStart): string {
  return event.type === 'tool.start' ? semconv.ATTR_GEN_AI_TOOL_CALL_ARGUMENTS : semconv.ATTR_GEN_AI_INPUT_MESSAGES;
}

interface SpanDescription {
  readonly name: string;
  readonly kind: SpanKind;
  readonly operation?: string | undefined;
  readonly attributes: Attributes;
}

function describeRun(run: Run, { task, workflow, remote }: RunStart): SpanDescription {
  const kind = remote?.address === undefined ? SpanKind.INTERNAL : SpanKind.CLIENT;
  const attributes: Attributes = { [semconv.ATTR_TURNKEEPER_ENGINE_NAME]: run.engine };
  if (remote) {
    attributes[semconv.ATTR_SERVER_ADDRESS] = remote.address;
    attributes[semconv.ATTR_SERVER_PORT] = remote.port;
    attributes[semconv.ATTR_URL_FULL] = remote.url;
  }
  if (task !== undefined) return { name: `${task} ${run.name}`, kind, attributes };
  const operation = workflow === undefined ? semconv.OPERATION_INVOKE_AGENT : semconv.OPERATION_INVOKE_WORKFLOW;
  attributes[semconv.ATTR_GEN_AI_OPERATION_NAME] = operation;
  attributes[semconv.ATTR_GEN_AI_PROVIDER_NAME] = run.provider;
  attributes[workflow === undefined ? semconv.ATTR_GEN_AI_AGENT_NAME : semconv.ATTR_GEN_AI_WORKFLOW_NAME] = run.name;
  return described(operation, run.name, kind, attributes);
}

function describeCall(run: Run, event: CallStart): SpanDescription {
  switch (event.type) {
    case 'agent.start': {
      const operation = semconv.OPERATION_INVOKE_AGENT;
      return described(operation, event.agent, SpanKind.INTERNAL, {
        [semconv.ATTR_GEN_AI_OPERATION_NAME]: operation,
        [semconv.ATTR_GEN_AI_AGENT_NAME]: event.agent,
        [semconv.ATTR_GEN_AI_PROVIDER_NAME]: event.provider ?? run.engine,
      });
    }
    case 'model.start':
      return described(semconv.OPERATION_CHAT, event.model, SpanKind.CLIENT, {
        [semconv.ATTR_GEN_AI_OPERATION_NAME]: semconv.OPERATION_CHAT,
        [semconv.ATTR_GEN_AI_REQUEST_MODEL]: event.model,
        [semconv.ATTR_GEN_AI_PROVIDER_NAME]: event.provider ?? run.engine,
      });
    case 'tool.start':
      return described(semconv.OPERATION_EXECUTE_TOOL, event.tool, SpanKind.INTERNAL, {
        [semconv.ATTR_GEN_AI_OPERATION_NAME]: semconv.OPERATION_EXECUTE_TOOL,
        [semconv.ATTR_GEN_AI_TOOL_NAME]: event.tool,
        [semconv.ATTR_GEN_AI_TOOL_CALL_ID]: event.callId,
      });
    case 'step.start':
      return {
        name: `${event.step} ${event.name}`,
        kind: SpanKind.INTERNAL,
        attributes: {
          [semconv.ATTR_TURNKEEPER_STEP_TYPE]: event.step,
          [semconv.ATTR_TURNKEEPER_STEP_NAME]: event.name,
        },
      };
  }
}

function described(
  operation: string,
  subject: string | undefined,
  kind: SpanKind,
  attributes: Attributes,
): SpanDescription {
  return { name: subject === undefined ? operation : `${operation} ${subject}`, kind, operation, attributes };
}

function responseAttributes(end: ModelEnd): Attributes {
  return {
    ...usageAttributes(end.usage),
    [semconv.ATTR_GEN_AI_RESPONSE_ID]: end.response,
    [semconv.ATTR_GEN_AI_RESPONSE_MODEL]: end.model,
    [semconv.ATTR_GEN_AI_RESPONSE_FINISH_REASONS]: end.finish && [...end.finish],
  };
}

/** Undefined values are not recorded by the SDK. */
function usageAttributes(usage: Usage = {}): Attributes {
  return {
    [semconv.ATTR_GEN_AI_USAGE_INPUT_TOKENS]: usage.input,
    [semconv.ATTR_GEN_AI_USAGE_OUTPUT_TOKENS]: usage.output,
    [semconv.ATTR_GEN_AI_USAGE_CACHE_READ_INPUT_TOKENS]: usage.cacheRead,
    [semconv.ATTR_GEN_AI_USAGE_CACHE_CREATION_INPUT_TOKENS]: usage.cacheWrite,
    [semconv.ATTR_GEN_AI_USAGE_REASONING_OUTPUT_TOKENS]: usage.reasoning,
  };
}

function costAttributes(cost: Cost | undefined): Attributes {
  if (cost === undefined) return {};
  return {
    [semconv.ATTR_TURNKEEPER_ENGINE_SESSION_COST]: cost.amount,
    [semconv.ATTR_TURNKEEPER_ENGINE_SESSION_COST_CURRENCY]: cost.currency,
  };
}

/** The status says that something failed, `error.type` says what: the engine's own words may quote a user. */
function finish(run: Run, span: Span, outcome: Outcome, at: Millis): void {
  if (outcome.kind !== 'ok') {
    span.setStatus({ code: SpanStatusCode.ERROR });
    span.setAttribute(semconv.ATTR_ERROR_TYPE, outcome.kind === 'error' ? outcome.type : 'cancelled');
  }
  if (run.session.isSettled) span.end(toHrTime(at));
  else run.session.hold(() => span.end(toHrTime(at)));
}
