import {
  isValidTraceId,
  trace,
  TraceFlags,
  type Attributes,
  type Context,
  type Link,
  type SpanKind,
} from '@opentelemetry/api';
import { ATTR_SESSION_ID } from '../record/semconv.ts';
import { TurnkeeperError } from '../turnkeeper-error.ts';
import { sessionOf } from './session-of.ts';

export interface SessionSamplerOptions {
  /** The share of conversations to keep, 0 to 1. */
  readonly ratio: number;
}

/** What a sampler of the SDK's returns: 0 drops, 2 records and samples. */
export interface SamplingResultLike {
  readonly decision: 0 | 2;
}

/**
 * Keeps or drops whole conversations: the decision is a hash of the session's id, so it is the same for all of its turns
 * in every process. Below a span it is that span's; without a session, it is made by the trace's id.
 */
export class SessionSampler {
  readonly #ratio: number;
  readonly #limit: number;

  /** @throws TurnkeeperError `invalid-option` where the ratio is no number from 0 to 1. */
  constructor(options: SessionSamplerOptions) {
    const ratio: unknown = options?.ratio;
    if (typeof ratio !== 'number' || !(ratio >= 0 && ratio <= 1)) {
      const given = typeof ratio === 'string' ? `"${ratio}"` : String(ratio);
      const message = `A SessionSampler needs a ratio from 0 to 1, not ${given}.`;
      throw new TurnkeeperError('invalid-option', message);
    }
    this.#ratio = ratio;
    this.#limit = Math.round(ratio * 2 ** 32);
  }

  shouldSample(
    parentContext: Context,
    traceId: string,
    _name: string,
    _kind: SpanKind,
    attributes: Attributes,
    _links: Link[],
  ): SamplingResultLike {
    const parent = trace.getSpanContext(parentContext);
    if (parent && isValidTraceId(parent.traceId)) return decide((parent.traceFlags & TraceFlags.SAMPLED) !== 0);
    const sessionId = sessionOf(parentContext)?.id ?? attributes[ATTR_SESSION_ID];
    return decide(hash(typeof sessionId === 'string' ? sessionId : traceId) < this.#limit);
  }

  toString(): string {
    return `SessionSampler{${this.#ratio}}`;
  }
}

function decide(keep: boolean): SamplingResultLike {
  return { decision: keep ? 2 : 0 };
}

/** FNV-1a over the UTF-16 units, then the finalizer of MurmurHash3, which spreads ids that differ in their last digit. */
function hash(text: string): number {
  let value = 0x81_1c_9d_c5;
  for (let index = 0; index < text.length; index++) value = Math.imul(value ^ text.charCodeAt(index), 0x01_00_01_93);
  value = Math.imul(value ^ (value >>> 16), 0x85_eb_ca_6b);
  value = Math.imul(value ^ (value >>> 13), 0xc2_b2_ae_35);
  return (value ^ (value >>> 16)) >>> 0;
}
