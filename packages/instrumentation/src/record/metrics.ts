import {
  createNoopMeter,
  type Attributes,
  type Counter,
  type Histogram,
  type Meter,
  type MeterProvider,
} from '@opentelemetry/api';
import type { Call, CallEnd, Run } from '../run.ts';
import type { RunListener } from '../recorder.ts';
import type { Millis, Outcome, Usage } from '../run-event.ts';
import type { SessionSource } from '../session/session.ts';
import { SCOPE_NAME, VERSION } from '../version.ts';
import { sourceOf } from './events.ts';
import * as semconv from './semconv.ts';

/** Seconds, as the conventions ask for. */
const DURATION_BUCKETS = [0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92];
/** Tokens, as the conventions ask for. */
const TOKEN_BUCKETS = Array.from({ length: 14 }, (_, power) => 4 ** power);

/** Of this copy of the package: another one has instruments of another class. */
const INSTRUMENTS = Symbol('turnkeeper.instruments');

/** Measures runs and calls. Never a session's id on a measurement: it would make a series of each conversation. */
export class MetricsListener implements RunListener {
  readonly #provider: () => MeterProvider;

  constructor(provider: () => MeterProvider) {
    this.#provider = provider;
  }

  wantsEnds(): boolean {
    return this.#instruments() !== undefined;
  }

  identified(run: Run): void {
    this.#instruments()?.resolved.add(1, {
      [semconv.ATTR_TURNKEEPER_SESSION_SOURCE]: sourceOf(run) ?? 'none',
      [semconv.ATTR_TURNKEEPER_ENGINE_NAME]: run.engine,
    });
  }

  rejected(engine: string, source: SessionSource): void {
    this.#instruments()?.rejected.add(1, {
      [semconv.ATTR_TURNKEEPER_SESSION_SOURCE]: source,
      [semconv.ATTR_TURNKEEPER_ENGINE_NAME]: engine,
    });
  }

  callEnded(run: Run, call: Call, outcome: Outcome, end: CallEnd | undefined, at: Millis): void {
    const { start } = call;
    const instruments = this.#instruments();
    if (!instruments || start.type === 'step.start') return;
    const seconds = secondsBetween(call.startedAt, at);
    if (start.type === 'tool.start') {
      instruments.tool.record(
        seconds,
        measured(semconv.OPERATION_EXECUTE_TOOL, outcome, { [semconv.ATTR_GEN_AI_TOOL_NAME]: start.tool }),
      );
      return;
    }
    const provider = { [semconv.ATTR_GEN_AI_PROVIDER_NAME]: start.provider ?? run.engine };
    if (start.type === 'agent.start') {
      const attributes = { ...provider, [semconv.ATTR_GEN_AI_AGENT_NAME]: start.agent };
      instruments.agent.record(seconds, measured(semconv.OPERATION_INVOKE_AGENT, outcome, attributes));
      return;
    }
    const model = end?.type === 'model.end' ? end.model : undefined;
    const attributes = {
      ...provider,
      ...(start.model !== undefined && { [semconv.ATTR_GEN_AI_REQUEST_MODEL]: start.model }),
      ...(model !== undefined && { [semconv.ATTR_GEN_AI_RESPONSE_MODEL]: model }),
    };
    instruments.operation.record(seconds, measured(semconv.OPERATION_CHAT, outcome, attributes));
    if (end?.type === 'model.end')
      instruments.count(end.usage, { [semconv.ATTR_GEN_AI_OPERATION_NAME]: semconv.OPERATION_CHAT, ...attributes });
  }

  runEnded(run: Run, outcome: Outcome, at: Millis): void {
    // The agents of a workflow are measured themselves.
    if (run.task !== undefined || run.isWorkflow) return;
    const instruments = this.#instruments();
    if (!instruments) return;
    const attributes = {
      [semconv.ATTR_GEN_AI_AGENT_NAME]: run.name,
      [semconv.ATTR_GEN_AI_PROVIDER_NAME]: run.provider,
    };
    instruments.agent.record(
      secondsBetween(run.startedAt, at),
      measured(semconv.OPERATION_INVOKE_AGENT, outcome, attributes),
    );
  }

  /** Undefined where nobody measures. */
  #instruments(): Instruments | undefined {
    return Instruments.of(this.#provider());
  }
}

/** The instruments of one meter provider, made once: kept on it, and gone with it. */
class Instruments {
  readonly operation: Histogram;
  readonly tokens: Histogram;
  readonly agent: Histogram;
  readonly tool: Histogram;
  readonly resolved: Counter;
  readonly rejected: Counter;

  constructor(meter: Meter) {
    const duration = (name: string, description: string): Histogram =>
      meter.createHistogram(name, { description, unit: 's', advice: { explicitBucketBoundaries: DURATION_BUCKETS } });
    this.operation = duration(semconv.METRIC_GEN_AI_CLIENT_OPERATION_DURATION, 'Duration of model calls');
    this.agent = duration(semconv.METRIC_GEN_AI_INVOKE_AGENT_DURATION, 'Duration of agent turns');
    this.tool = duration(semconv.METRIC_GEN_AI_EXECUTE_TOOL_DURATION, 'Duration of tool calls');
    this.tokens = meter.createHistogram(semconv.METRIC_GEN_AI_CLIENT_TOKEN_USAGE, {
      description: 'Tokens',
      unit: '{token}',
      advice: { explicitBucketBoundaries: TOKEN_BUCKETS },
    });
    this.resolved = meter.createCounter(semconv.METRIC_TURNKEEPER_SESSION_RESOLVED, {
      description: 'Runs, by source',
      unit: '{run}',
    });
    this.rejected = meter.createCounter(semconv.METRIC_TURNKEEPER_SESSION_REJECTED, {
      description: 'Bad ids, by source',
      unit: '{id}',
    });
  }

  count(usage: Usage | undefined, attributes: Attributes): void {
    if (usage?.input !== undefined)
      this.tokens.record(usage.input, { ...attributes, [semconv.ATTR_GEN_AI_TOKEN_TYPE]: 'input' });
    if (usage?.output !== undefined)
      this.tokens.record(usage.output, { ...attributes, [semconv.ATTR_GEN_AI_TOKEN_TYPE]: 'output' });
  }

  static of(provider: MeterProvider): Instruments | undefined {
    const existing: unknown = Reflect.get(provider, INSTRUMENTS);
    if (existing instanceof Instruments) return existing;
    const meter = provider.getMeter(SCOPE_NAME, VERSION);
    if (meter === createNoopMeter()) return undefined;
    const instruments = new Instruments(meter);
    Reflect.defineProperty(provider, INSTRUMENTS, { value: instruments, configurable: true });
    return instruments;
  }
}

/** As the span's own duration: spans start at whole milliseconds. */
function secondsBetween(startedAt: Millis, at: Millis): number {
  return Math.max(0, at - Math.floor(startedAt)) / 1000;
}

function measured(operation: string, outcome: Outcome, attributes: Attributes): Attributes {
  const all: Attributes = { [semconv.ATTR_GEN_AI_OPERATION_NAME]: operation, ...attributes };
  if (outcome.kind !== 'ok') all[semconv.ATTR_ERROR_TYPE] = outcome.kind === 'error' ? outcome.type : 'cancelled';
  return all;
}
