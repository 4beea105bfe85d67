import { listenToMethod, wrapMethod, type Done, type Patch, type RunId } from '../../adapter.ts';
import { observeGuardrails } from './guardrails.ts';
import { isModelCall, observeModels } from './models.ts';
import {
  isRecord,
  readCall,
  readFailure,
  readResult,
  readState,
  recordIn,
  recordOf,
  sessionIdOf,
  sessionOf,
  text,
  type OpenAIRunnerClass,
  type OpenAITap,
} from './native.ts';
import { passingHooks } from './passing-hooks.ts';
import { showContext, storeRunsIfAny, type StoreRun } from './store-run.ts';
import { observeStores } from './stores.ts';
import { observeTools } from './tools.ts';

/** Each copy of the package, ES module or CommonJS, has a class of its own. */
export const patches: readonly Patch[] = [{ module: '@openai/agents-core', export: 'Runner' }];

/**
 * Listens at the seams of a `Runner` class: `run`, which everything goes through (streams, `run()`, subclasses, agents
 * as tools), and the events that runners emit. Models, tools and session stores are met there and hooked as they come.
 */
export function attach({ prototype }: OpenAIRunnerClass, tap: OpenAITap): () => void {
  const hooks = passingHooks();
  const models = observeModels(tap, hooks);
  const tools = observeTools(tap);
  let runs = storeRunsIfAny();
  const lookAtStore = observeStores(tap, hooks, () => runs);
  const lookAtGuardrails = observeGuardrails(tap, hooks);

  /** What calls will come through. A store is met for `withRunContext` as well, which owes nothing to a sampler. */
  const meet = (runner: unknown, agents: readonly unknown[], session: unknown): void => {
    const isRecorded = tap.place()?.isRecorded === true;
    if (isRecorded || runs) lookAtStore(session);
    if (!isRecorded) return;
    const config = recordIn(runner, 'config');
    for (const one of [...agents, config]) models.look(recordOf(one)?.['model']);
    models.lookInto(config?.['modelProvider']);
    lookAtGuardrails(runner, ...agents);
  };

  let steps = 0;
  /**
   * A run that another one starts itself, in instructions, a listener, its memory, would look like a second turn: it is in a
   * step of that run's. Where a tool, a guardrail or a store starts it, that has a span already; a model's is not enough.
   */
  const openStep = (agent: unknown) => {
    const place = tap.place();
    if (!place?.isRecorded || (place.call !== undefined && !isModelCall(place.call))) return undefined;
    const { run, call: within } = place;
    steps += 1;
    return { run, call: `run-${steps}`, within, step: 'run', name: nameOf(agent) } as const;
  };

  const undoRun = wrapMethod(prototype, 'run', (proceed, args, runner) => {
    runs ??= storeRunsIfAny();
    // No run of ours, but a store may want its context all the same.
    if (!runs && tap.isSuppressed()) return proceed(...args);
    const [agent, input, options] = args;
    const state = readState(input);
    const session = sessionOf(options);
    const step = openStep(agent);
    const run = tap.mint();
    const runContext = state?.['_context'];
    const running: StoreRun = { runContext, isLate: runContext === undefined };
    const end: Done = (result, failure) => {
      tools.forget(run);
      const signal = recordOf(options)?.['signal'];
      const ended = failure ? { outcome: readFailure(failure.error, signal) } : readResult(result, signal);
      tap.deliver({ kind: 'returned', run, session: sessionIdOf(session), ...ended });
      if (step) tap.deliver({ kind: 'step-end', run: step.run, call: step.call, outcome: ended.outcome });
      // A connection that was opened in the run may outlive it, and leads to everything here.
      running.runContext = undefined;
      running.isLate = false;
    };
    const work = (): unknown => {
      tap.deliver({ kind: 'called', run, ...readCall(runner, args), input: state ? undefined : input });
      tap.guard(() => meet(runner, [agent, state?.['_currentAgent']], session));
      return runs ? runs.run(running, () => proceed(...args)) : proceed(...args);
    };
    const begin = (): unknown =>
      tap.run(run, [agent, runner].filter(isRecord), work, (result, failure) => {
        const completed = recordOf(result)?.['completed'];
        if (!isPromiseLike(completed)) end(result, failure);
        else
          completed.then(
            () => tap.guard(() => end(result)),
            (error: unknown) => tap.guard(() => end(result, { error })),
          );
      });
    return step ? tap.around({ kind: 'step', ...step }, begin) : begin();
  });

  const listen = (run: RunId, [event, , agent, ...rest]: readonly unknown[]): void => {
    switch (event) {
      case 'agent_start':
        models.look(recordOf(agent)?.['model']);
        lookAtGuardrails(agent);
        tap.deliver({ kind: 'agent', run, agent: nameOf(agent) });
        return;
      case 'agent_handoff':
        tap.deliver({ kind: 'handoff', run, agent: nameOf(rest[0]) });
        return;
      case 'agent_end':
        tap.deliver({ kind: 'agent-end', run, output: rest[0] });
        return;
      case 'agent_tool_start':
        tools.start(run, rest[0], rest[1]);
        return;
      case 'agent_tool_end':
        tools.end(run, rest[2], rest[1]);
        return;
    }
  };
  const undoEmit = listenToMethod(prototype, 'emit', (args) => {
    showContext(runs?.getStore(), args[1]);
    const place = tap.place();
    if (place?.isRecorded) listen(place.run, args);
  });

  return () => {
    undoRun?.();
    undoEmit?.();
    hooks.undo();
  };
}

function nameOf(agent: unknown): string {
  return text(recordOf(agent)?.['name']) ?? 'agent';
}

function isPromiseLike(value: unknown): value is PromiseLike<unknown> {
  return isRecord(value) && typeof value['then'] === 'function';
}
