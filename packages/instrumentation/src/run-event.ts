/**
 * What an adapter says about a run: a closed union of events, `noun.verb`, in which every start has one end.
 *
 * Events are plain data. Content (prompts, arguments, results) travels as a thunk, so that nobody pays for what
 * nobody records.
 */
export type RunEvent =
  | RunStart
  | RunEnd
  | RunWait
  | RunResume
  | RunState
  | RunProgress
  | SessionBind
  | SessionEnd
  | AgentStart
  | AgentEnd
  | ModelStart
  | ModelOutput
  | ModelEnd
  | ToolStart
  | ToolEnd
  | StepStart
  | StepEnd;

/** Milliseconds since the epoch, with a fraction. */
export type Millis = number;

/** Names one run; unique within one attachment. Whoever hooks the user's call mints it. */
export type RunId = string;

/** Names one call of a model, a tool, an agent or a step; unique among the open ones of its run (engines repeat theirs). */
export type CallId = string;

/** A name under which `Tap.caller` kept a context. */
export type CallerName = string;

/** A value that may hold a user's words. Called at most once, and only when content is recorded. */
export type Content = () => unknown;

/** How a run or a call ended. `type` is a short, low-cardinality word: it becomes `error.type`. */
export type Outcome =
  | { readonly kind: 'ok' }
  | { readonly kind: 'cancelled' }
  | { readonly kind: 'error'; readonly type: string };

/** Token counts as the engine reports them. `input` includes cached tokens, `output` includes reasoning. */
export interface Usage {
  readonly input?: number | undefined;
  readonly output?: number | undefined;
  readonly cacheRead?: number | undefined;
  readonly cacheWrite?: number | undefined;
  readonly reasoning?: number | undefined;
}

/** An amount of money, or of what else the engine counts in. */
export interface Cost {
  readonly amount: number;
  /** A code of ISO 4217, or a unit such as `credits`. */
  readonly currency: string;
}

interface InRun {
  readonly run: RunId;
  /** When it happened. Absent: when the signal was delivered. */
  readonly at?: Millis | undefined;
}

interface InCall extends InRun {
  readonly call: CallId;
  /** The call that made this one; absent: the run itself did. */
  readonly within?: CallId | undefined;
}

/** The first evidence of work. Everything about the run that is known by then. */
export interface RunStart extends InRun {
  readonly type: 'run.start';
  /** The agent's name; absent: the engine's. */
  readonly agent?: string | undefined;
  /** Who serves it; absent: the engine's name. */
  readonly provider?: string | undefined;
  /** The engine's stable id of this conversation: a candidate for the session's id. */
  readonly session?: string | undefined;
  /** A volatile id of the engine's (a connection, a process): recorded, never a candidate. */
  readonly engineSession?: string | undefined;
  /** The session that this one continues. */
  readonly previousSession?: string | undefined;
  /** Upkeep that is no turn of the conversation (compact, …): it takes no turn number and no link. */
  readonly task?: string | undefined;
  /** Several agents take part: the run is a workflow of this name. */
  readonly workflow?: string | undefined;
  /** The agent runs outside this process. */
  readonly remote?: Remote | undefined;
  /** Whose context the run starts in, if not that of the signal. The run waits until `Tap.caller` names it. */
  readonly caller?: CallerName | undefined;
  readonly input?: Content | undefined;
}

/** Where an agent runs that is not in this process. Without an address its span is none of a client. */
export interface Remote {
  readonly address?: string | undefined;
  readonly port?: number | undefined;
  /** Where a person can look at it. Without credentials or a query. */
  readonly url?: string | undefined;
}

/** The run is over; what it left open is closed with it. */
export interface RunEnd extends InRun {
  readonly type: 'run.end';
  readonly outcome: Outcome;
  /** The run's total, where the engine reports one; absent: the sum over its model calls. */
  readonly usage?: Usage | undefined;
  /** What the engine's own session has cost so far, where it says. */
  readonly cost?: Cost | undefined;
  readonly output?: Content | undefined;
}

/**
 * The run waits for a person (a permission, a question): it cannot be abandoned until `run.resume` names the same wait, or,
 * where it has no name, until its next event.
 */
export interface RunWait extends InRun {
  readonly type: 'run.wait';
  /** What it waits for, in a low-cardinality word: `permission`, `answer`, … */
  readonly reason?: string | undefined;
  /** Tells the waits of one run apart. To be given where the engine says when one is over: it may do other work meanwhile. */
  readonly wait?: string | undefined;
}

/** The person has answered, or nobody waits for the answer any more. */
export interface RunResume extends InRun {
  readonly type: 'run.resume';
  readonly wait: string;
}

/** The engine names a state that the run has come to: `pending`, `running`, … Its end is `run.end`. */
export interface RunState extends InRun {
  readonly type: 'run.state';
  /** A low-cardinality word of the engine's. */
  readonly state: string;
  /** What it is about, where that is not the run as a whole: a low-cardinality word. */
  readonly subject?: string | undefined;
}

/** The run goes on: a sign of life that says nothing else. It ends a wait that has no name. */
export interface RunProgress extends InRun {
  readonly type: 'run.progress';
}

/** The engine says, later than at the start, what it calls the conversation. */
export interface SessionBind extends InRun {
  readonly type: 'session.bind';
  readonly id?: string | undefined;
  readonly engineSession?: string | undefined;
}

/** The engine says that a session is over: no turn of it will come. */
export interface SessionEnd {
  readonly type: 'session.end';
  readonly at?: Millis | undefined;
  /** The stable id by which `run.start` or `session.bind` named it. */
  readonly session: string;
}

export interface AgentStart extends InCall {
  readonly type: 'agent.start';
  readonly agent: string;
  readonly provider?: string | undefined;
  readonly input?: Content | undefined;
}

export interface AgentEnd extends InCall {
  readonly type: 'agent.end';
  readonly outcome: Outcome;
  readonly output?: Content | undefined;
}

export interface ModelStart extends InCall {
  readonly type: 'model.start';
  readonly model?: string | undefined;
  readonly provider?: string | undefined;
  readonly input?: Content | undefined;
}

/** The first piece of an answer arrived. Without `call`: of the run itself, where an engine shows no model calls. */
export interface ModelOutput extends InRun {
  readonly type: 'model.output';
  readonly call?: CallId | undefined;
}

export interface ModelEnd extends InCall {
  readonly type: 'model.end';
  readonly outcome: Outcome;
  readonly usage?: Usage | undefined;
  /** The model that answered. */
  readonly model?: string | undefined;
  /** The provider's id of the response. */
  readonly response?: string | undefined;
  /** Why the model stopped, one per choice: stop, length, tool_call, content_filter, error. */
  readonly finish?: readonly string[] | undefined;
  readonly output?: Content | undefined;
}

export interface ToolStart extends InCall {
  readonly type: 'tool.start';
  readonly tool: string;
  /** The provider's id of the tool call. */
  readonly callId?: string | undefined;
  readonly input?: Content | undefined;
}

export interface ToolEnd extends InCall {
  readonly type: 'tool.end';
  readonly outcome: Outcome;
  readonly output?: Content | undefined;
}

/**
 * A step of the engine's own that the conventions have no operation for: it reads or writes the history, it checks a
 * guardrail, it starts a run beside its calls.
 */
export interface StepStart extends InCall {
  readonly type: 'step.start';
  /** What kind of step, in a low-cardinality word: `session`, `guardrail`, `run`, … */
  readonly step: string;
  /** Which one of its kind, as few as there are in the code: `getItems`, the guardrail's name, … */
  readonly name: string;
}

export interface StepEnd extends InCall {
  readonly type: 'step.end';
  readonly outcome: Outcome;
}
