import { extname } from 'node:path';
import { metrics, trace, type MeterProvider, type TracerProvider } from '@opentelemetry/api';
import {
  InstrumentationBase,
  InstrumentationNodeModuleDefinition,
  type InstrumentationConfig,
} from '@opentelemetry/instrumentation';
import type * as EnginePatches from './engine-patches.ts';
import type { AnyAdapter } from './engine-patches.ts';
import { HOOK, onModuleFile } from './module-files.ts';
import { isObject } from './narrow.ts';
import { isObserved, observeWith, type Observation } from './observe.ts';
import { requireFrom } from './require-from.ts';
import type { RunOptions } from './settings.ts';
import { SCOPE_NAME, VERSION } from './version.ts';

/** The engines that there are adapters for, by the names that `engines` takes: the folders below adapters/. */
export type EngineName = 'acp' | 'copilot' | 'flame' | 'openai-agents' | 'pi' | 'rivet';

/** The packages whose loading leads to an engine. The only place in the core that knows the adapters. */
const PACKAGES: Readonly<Record<EngineName, readonly string[]>> = {
  acp: ['@agentclientprotocol/sdk'],
  copilot: ['@github/copilot-sdk'],
  flame: ['@grpc/grpc-js'],
  'openai-agents': ['@openai/agents-core'],
  pi: ['@earendil-works/pi-coding-agent'],
  rivet: ['sandbox-agent'],
};

/**
 * Files of these packages that hold an engine for a command line of its own, which does not go through the package's
 * door: as a bundler left it, and as it is. By path.
 */
const BUNDLES: Readonly<Partial<Record<EngineName, RegExp>>> = {
  pi: /\/pi-coding-agent\/dist\/(?:bundle\/chunks\/chunk-[^/]*|core\/agent-session\.js)$/,
};

/** The names that `engines` takes. */
export const ENGINE_NAMES: readonly EngineName[] = ['acp', 'copilot', 'flame', 'openai-agents', 'pi', 'rivet'];

export interface TurnkeeperConfig extends InstrumentationConfig, RunOptions {
  /** Which engines to observe; all by default. One that is not installed costs nothing. */
  readonly engines?: readonly EngineName[];
  /** Engines that write GenAI spans themselves: ours are not written, theirs get the session. */
  readonly stampOnly?: readonly EngineName[];
}

/** The engines' package names: all that a module hook needs to look at. */
export function enginePackages(engines?: TurnkeeperConfig['engines']): string[] {
  return [...new Set(enginesOf(engines).flatMap((name) => PACKAGES[name]))];
}

/** The files in which a module hook finds engines that were bundled. */
export function engineBundles(): RegExp[] {
  return ENGINE_NAMES.flatMap((name) => BUNDLES[name] ?? []);
}

/** Those that there are. A program without types may name one that is not, or one alone. */
function enginesOf(named: TurnkeeperConfig['engines'] = ENGINE_NAMES): EngineName[] {
  const names = [named].flat();
  return ENGINE_NAMES.filter((name) => names.includes(name));
}

/**
 * Observes every runner engine that the process loads, under one session id for each conversation. For
 * `registerInstrumentations` and NodeSDK; engines that are ES modules also need the module hook of
 * `node --import @turnkeeper/instrumentation/register`, or are observed by hand with `observe`.
 */
export class TurnkeeperInstrumentation extends InstrumentationBase<TurnkeeperConfig> {
  /** The exports of every copy of a module that was loaded, while enabled with what takes its patches away. */
  readonly #loaded = new Map<object, { readonly name: string; unpatch: (() => void) | undefined }>();
  /** What is observed, to stop it when disabled. Weak: an observation goes with its target. */
  readonly #observations = new Set<WeakRef<Observation>>();
  readonly #gone = new FinalizationRegistry<WeakRef<Observation>>((observation) =>
    this.#observations.delete(observation),
  );
  #tracerProvider: TracerProvider | undefined;
  #meterProvider: MeterProvider | undefined;
  #isEnabled = false;
  #watchesBundles = false;

  constructor(config: TurnkeeperConfig = {}) {
    // The base class enables itself in its constructor, before the fields of this one exist.
    super(SCOPE_NAME, VERSION, { ...config, enabled: false });
    for (const option of ['engines', 'stampOnly'] as const) {
      const unknown = [config?.[option] ?? []].flat().filter((name) => !ENGINE_NAMES.includes(name));
      if (unknown.length === 0) continue;
      this._diag.warn(
        `${option}: there is no ${unknown.join(', no ')}, it is left out; there are ${ENGINE_NAMES.join(', ')}`,
      );
    }
    if (config?.enabled === false) return;
    this.setConfig(config);
    this.enable();
  }

  override setTracerProvider(provider: TracerProvider): void {
    super.setTracerProvider(provider);
    // Now, for an SDK sets the log up after it was given this; and no warning, for programs in CommonJS do without.
    if (!this.#tracerProvider && !Reflect.has(globalThis, HOOK)) {
      this._diag.info('without --import @turnkeeper/instrumentation/hook, engines that are ES modules are not seen');
    }
    this.#tracerProvider = provider;
  }

  override setMeterProvider(provider: MeterProvider): void {
    super.setMeterProvider(provider);
    this.#meterProvider = provider;
  }

  override enable(): void {
    super.enable();
    this.#isEnabled = true;
    this.#watchBundles();
    for (const exports of this.#loaded.keys()) this.#patch(exports);
  }

  /** Takes every patch away and stops every observation; what is open is closed. */
  override disable(): void {
    super.disable();
    this.#isEnabled = false;
    // The last first: a class that two modules export is patched twice.
    for (const loaded of [...this.#loaded.values()].toReversed()) {
      loaded.unpatch?.();
      loaded.unpatch = undefined;
    }
    for (const observation of this.#observations) observation.deref()?.stop();
    this.#observations.clear();
  }

  protected override init(): InstrumentationNodeModuleDefinition[] {
    return enginePackages(this.getConfig().engines).map(
      (module) =>
        new InstrumentationNodeModuleDefinition(module, ['*'], (exports: unknown) => {
          if (isObject(exports)) this.#load(module, exports);
          return exports;
        }),
    );
  }

  /** A bundled engine is met where the module hook shows its files; the base class looks at packages as a whole. */
  #watchBundles(): void {
    if (this.#watchesBundles) return;
    this.#watchesBundles = true;
    try {
      for (const engine of enginesOf(this.getConfig().engines)) {
        const bundle = BUNDLES[engine];
        const [module] = PACKAGES[engine];
        if (!bundle || module === undefined) continue;
        onModuleFile([module], (exports, name) => {
          if (isObject(exports) && bundle.test(name)) this.#load(module, exports);
        });
      }
    } catch (error) {
      this._diag.debug('bundled engines are not observed', error);
    }
  }

  #load(name: string, exports: object): void {
    if (!this.#loaded.has(exports)) this.#loaded.set(exports, { name, unpatch: undefined });
    if (this.#isEnabled) this.#patch(exports);
  }

  /** Adapters are loaded when their engine is, and at once: the hook cannot wait. In a bundle they are not there. */
  #patch(exports: object): void {
    const loaded = this.#loaded.get(exports);
    if (!loaded || loaded.unpatch) return;
    const { name } = loaded;
    const engines = enginesOf(this.getConfig().engines).filter((engine) => PACKAGES[engine].includes(name));
    const undo: (() => void)[] = [];
    loaded.unpatch = () => undo.forEach((step) => step());
    try {
      const patches: typeof EnginePatches = requireFrom(import.meta.url)(
        `./engine-patches${extname(import.meta.filename)}`,
      );
      for (const engine of engines) {
        undo.push(
          ...patches.patchEngine(engine, { name, exports }, (adapter, target) => this.#observe(adapter, target)),
        );
      }
    } catch (error) {
      this._diag.error(`${engines.join()} cannot be observed by itself; observe() by hand still can`, error);
    }
  }

  #observe(adapter: AnyAdapter, target: object): void {
    // Somebody's wrapper may still call ours after it was disabled.
    if (!this.#isEnabled || isObserved(adapter, target)) return;
    // Of a program without types: one session for all would beat every other.
    const {
      stampOnly = [],
      session: _session,
      ...options
    }: TurnkeeperConfig & { session?: unknown } = this.getConfig();
    const isStampOnly = [stampOnly].flat().some((name) => name === adapter.name);
    const observation = observeWith(
      adapter,
      target,
      { ...options, stampOnly: isStampOnly },
      {
        tracer: () => this.#tracerProvider ?? trace.getTracerProvider(),
        meter: () => this.#meterProvider ?? metrics.getMeterProvider(),
        // The base class's logger follows the global provider.
        logger: () => this.logger,
      },
    );
    const reference = new WeakRef(observation);
    this.#observations.add(reference);
    this.#gone.register(observation, reference);
  }
}
