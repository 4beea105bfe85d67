import { context, ROOT_CONTEXT, type Attributes, type Context, type Span } from '@opentelemetry/api';
import type { CompareOptions, Contestant } from './measure.ts';

/** As an HTTP client's span has them. */
const ATTRIBUTES: Attributes = {
  'http.request.method': 'POST',
  'http.response.status_code': 200,
  'server.address': 'api.example.com',
  'server.port': 443,
  'url.full': 'https://api.example.com/v1/chat/completions',
  'url.scheme': 'https',
  'network.protocol.version': '1.1',
  'user_agent.original': 'node',
};

/** How many are one round. */
const SPANS = 2_000;
export const LIMIT = 1.1;

export interface StartsSpans {
  startSpan(name: string, options: { readonly attributes: Attributes }, within: Context): Span;
}

export interface Provider {
  getTracer(name: string): StartsSpans;
  forceFlush(): Promise<void>;
}

/** Starts and ends spans in a context; `during` is what somebody does to each. */
export function spans(
  name: string,
  provider: Provider,
  within: Context,
  during?: (span: Span) => void,
  tracer: StartsSpans = provider.getTracer('bench'),
): Contestant {
  if (within !== ROOT_CONTEXT)
    assertStamped(name, () => tracer.startSpan('POST', { attributes: ATTRIBUTES }, within), within);
  return {
    name,
    round: () =>
      context.with(within, () => {
        for (let index = 0; index < SPANS; index += 1) {
          const span = tracer.startSpan('POST', { attributes: ATTRIBUTES }, within);
          during?.(span);
          span.end();
        }
      }),
    rest: () => provider.forceFlush(),
  };
}

/** Whoever stamps nothing would win. */
function assertStamped(name: string, start: () => Span, within: Context): void {
  const span = context.with(within, start);
  span.end();
  if (!JSON.stringify(unwrapped(span)).includes('conv-42')) throw new Error(`${name} has not stamped its span`);
}

function unwrapped(span: object): unknown {
  if ('attributes' in span) return span.attributes;
  return 'span' in span && typeof span.span === 'object' && span.span ? unwrapped(span.span) : undefined;
}

/** How often they are started. */
export function roundsOf(quick: boolean): CompareOptions {
  return quick ? { warmUp: 20, rounds: 60, pieces: SPANS } : { warmUp: 60, rounds: 300, pieces: SPANS };
}
