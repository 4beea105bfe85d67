/** What a screen of a part of the input found out, as plain numbers: it can be sent from one thread to another. */
export interface ScreenPart {
  readonly spans: number;
  /** The facts of the spans of open traces: see `SpanRows`. */
  readonly rows: Uint32Array<ArrayBuffer>;
  /** The hashes of traces, by their numbers in here, and what is known of each: see `TraceTable`. */
  readonly traces: Uint32Array<ArrayBuffer>;
  readonly facts: Uint32Array<ArrayBuffer>;
  /** The hashes of sessions and of engines' own sessions, by their numbers in here. */
  readonly sessions: Uint32Array<ArrayBuffer>;
  readonly engineSessions: Uint32Array<ArrayBuffer>;
  /** Pairs: a trace and a session in it; a trace and an engine's own session in it. */
  readonly members: Uint32Array<ArrayBuffer>;
  readonly engines: Uint32Array<ArrayBuffer>;
  /** The engines' own sessions for which a session was generated. */
  readonly generated: Uint32Array<ArrayBuffer>;
  readonly turns: Uint32Array<ArrayBuffer>;
  readonly traceLike: Uint32Array<ArrayBuffer>;
  readonly processes: readonly string[];
  readonly suspects: Uint32Array<ArrayBuffer>;
  readonly blocks: Float64Array<ArrayBuffer>;
}
