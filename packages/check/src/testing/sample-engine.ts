import { BasicTracerProvider } from '@opentelemetry/sdk-trace-base';
import { wrapMethod, type Adapter, type RunEvent } from '@turnkeeper/instrumentation/adapter';
import type { CaptureSpanProcessor } from '../capture.ts';
import type { LiveEngine } from '../contract/live.ts';
import type { RecordedSignal } from '../contract/recording.ts';

/** An engine of a few lines, to seed defects in its adapter. */
export class SampleEngine {
  readonly id = 'sample-1';
  readonly listeners: ((event: SampleEvent) => void)[] = [];

  on(listener: (event: SampleEvent) => void): () => void {
    this.listeners.push(listener);
    return () => void this.listeners.splice(this.listeners.indexOf(listener), 1);
  }

  history(): string[] {
    return [];
  }

  async ask(question: string): Promise<string> {
    this.emit({ kind: 'begin', run: 'run-1', session: this.id, question });
    this.emit({ kind: 'tool', run: 'run-1', call: 'call-1' });
    await Promise.resolve();
    this.emit({ kind: 'tool-done', run: 'run-1', call: 'call-1' });
    this.emit({ kind: 'end', run: 'run-1' });
    return `answer to ${question}`;
  }

  private emit(event: SampleEvent): void {
    for (const listener of this.listeners) listener(event);
  }
}

export interface SampleEvent {
  readonly kind: string;
  readonly run: string;
  readonly call?: string;
  readonly session?: string;
  readonly question?: string;
}

interface SampleState {
  readonly open: Set<string>;
}

export type SampleAdapter = Adapter<SampleEngine, SampleEvent, SampleState>;

export const sample: SampleAdapter = {
  name: 'sample',
  start: () => ({ open: new Set() }),
  *translate({ kind, run, call = '', session, question }, state): Iterable<RunEvent> {
    if (kind === 'begin') {
      state.open.add(run);
      yield { type: 'run.start', run, session, input: () => question };
    } else if (kind === 'tool') yield { type: 'tool.start', run, call, tool: 'look' };
    else if (kind === 'tool-done') yield { type: 'tool.end', run, call, outcome: { kind: 'ok' } };
    else if (kind === 'end') {
      state.open.delete(run);
      yield { type: 'run.end', run, outcome: { kind: 'ok' } };
    }
  },
  attach: (engine, tap) => {
    const off = engine.on((event) => tap.deliver(event));
    const unwrap = wrapMethod(engine, 'ask', (proceed, args) => proceed(...args));
    return () => {
      unwrap?.();
      off();
    };
  },
};

/** What the sample engine says in one turn. */
export const sampleSignals: readonly RecordedSignal[] = [
  { at: 0, native: { kind: 'begin', run: 'run-1', session: 'sample-1', question: 'a secret question' } },
  { at: 1, native: { kind: 'tool', run: 'run-1', call: 'call-1' } },
  { at: 2, native: { kind: 'tool-done', run: 'run-1', call: 'call-1' } },
  { at: 3, native: { kind: 'end', run: 'run-1' } },
];

export const provider = (processor: CaptureSpanProcessor): BasicTracerProvider =>
  new BasicTracerProvider({ spanProcessors: [processor] });

export function openSample(): Promise<LiveEngine<SampleEngine>> {
  const target = new SampleEngine();
  return Promise.resolve({
    target,
    turn: () => target.ask('anything'),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  });
}
