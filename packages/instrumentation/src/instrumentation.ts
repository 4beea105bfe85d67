import { createRequire } from 'node:module';
import { extname } from 'node:path';
import { metrics, trace, type MeterProvider, type TracerProvider } from '@opentelemetry/api';
import {
  InstrumentationBase,
  InstrumentationNodeModuleDefinition,
  type InstrumentationConfig,
} from '@opentelemetry/instrumentation';
import type { Adapter, Patch } from './adapter.ts';
import { isObserved, observeWith, type Observation, type RunOptions } from './observe.ts';
import type { LoggerLike } from './record/events.ts';
import { globalLogger } from './record/global-logger.ts';
import { SCOPE_NAME, VERSION } from './version.ts';
import { wrapMethod } from './wrap-method.ts';

/** The engines that there are adapters for, by the names that `engines` takes: the folders below adapters/. */
export type EngineName = 'pi';

/** The packages whose loading leads to an engine. The only place in the core that knows the adapters. */
const PACKAGES: Readonly<Record<EngineName, readonly string[]>> = {
  pi: ['@earendil-works/pi-coding-agent'],
};

/** The names that `engines` takes. */
export const ENGINE_NAMES: readonly EngineName[] = ['pi'];

/** An adapter of any engine. */
type AnyAdapter = Adapter<object, unknown, unknown>;

export interface TurnkeeperConfig extends InstrumentationConfig, RunOptions {
  /** Which engines to observe; all by default. One that is not installed costs nothing. */
  readonly engines?: readonly EngineName[];
}

/** The engines' package names: all that a module hook needs to look at. */
export function enginePackages(engines: readonly EngineName[] = ENGINE_NAMES): string[] {
  return [...new Set(engines.flatMap((name) => PACKAGES[name]))];
}

/**
 * Loads an adapter, at once, when its engine is loaded: an engine that is not there costs nothing.
 * @throws where the adapters' folders do not lie beside this file, as in a bundle.
 */
export function loadAdapter(name: EngineName): AnyAdapter {
  const adapters: unknown = createRequire(import.meta.url)(`./adapters/${name}/index${extname(import.meta.filename)}`);
  const adapter = isObject(adapters) ? Object.values(adapters).find(isAdapter) : undefined;
  if (!adapter) throw new Error(`adapters/${name} exports no adapter`);
  return adapter;
}

/**
 * Observes every runner engine that the process loads, under one session id for each conversation. For
 * `registerInstrumentations` and NodeSDK; engines that are ES modules also need the module hook of
 * `node --import @turnkeeper/instrumentation/register`, or are observed by hand with `observe`.
 */
export class TurnkeeperInstrumentation extends InstrumentationBase<TurnkeeperConfig> {
  /** The exports of every copy of a module that was loaded, while enabled with what takes its patches away. */
  readonly #loaded = new Map<object, { readonly module: string; unpatch: (() => void) | undefined }>();
  /** What is observed, to stop it when disabled. Weak: an observation goes with its target. */
  readonly #observations = new Set<WeakRef<Observation>>();
  readonly #gone = new FinalizationRegistry<WeakRef<Observation>>((observation) =>
    this.#observations.delete(observation),
  );
  #tracerProvider: TracerProvider | undefined;
  #meterProvider: MeterProvider | undefined;
  #logger: LoggerLike | undefined;

  constructor(config: TurnkeeperConfig = {}) {
    // The base class enables itself in its constructor, before the fields of this one exist.
    super(SCOPE_NAME, VERSION, { ...config, enabled: false });
    if (config.enabled === false) return;
    this.setConfig(config);
    this.enable();
  }

  override setTracerProvider(provider: TracerProvider): void {
    super.setTracerProvider(provider);
    this.#tracerProvider = provider;
  }

  override setMeterProvider(provider: MeterProvider): void {
    super.setMeterProvider(provider);
    this.#meterProvider = provider;
  }

  override setLoggerProvider(provider: Parameters<InstrumentationBase['setLoggerProvider']>[0]): void {
    super.setLoggerProvider(provider);
    this.#logger = this.logger;
  }

  override enable(): void {
    super.enable();
    for (const exports of this.#loaded.keys()) this.#patch(exports);
  }

  /** Takes every patch away and stops every observation; what is open is closed. */
  override disable(): void {
    super.disable();
    for (const loaded of this.#loaded.values()) {
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

  #load(module: string, exports: object): void {
    if (!this.#loaded.has(exports)) this.#loaded.set(exports, { module, unpatch: undefined });
    this.#patch(exports);
  }

  #patch(exports: object): void {
    const loaded = this.#loaded.get(exports);
    if (!loaded || loaded.unpatch) return;
    const engines = this.getConfig().engines ?? ENGINE_NAMES;
    const undo = engines
      .filter((name) => PACKAGES[name].includes(loaded.module))
      .flatMap((name) => this.#patchEngine(name, loaded.module, exports));
    loaded.unpatch = () => undo.forEach((step) => step());
  }

  #patchEngine(name: EngineName, module: string, exports: object): (() => void)[] {
    try {
      const adapter = loadAdapter(name);
      const patches = adapter.patches?.filter((patch) => patch.module === module) ?? [];
      return patches.flatMap((patch) => this.#apply(adapter, patch, exports));
    } catch (error) {
      this._diag.error(`${name} cannot be observed by itself; observe() by hand still can`, error);
      return [];
    }
  }

  #apply(adapter: AnyAdapter, patch: Patch, exports: object): (() => void)[] {
    const exported: unknown = Reflect.get(exports, patch.export);
    if (!isObject(exported)) {
      this._diag.debug(`${patch.module} has no export ${patch.export}: it is not observed`);
      return [];
    }
    if (!patch.methods) {
      this.#observe(adapter, exported);
      return [];
    }
    const prototype: unknown = Reflect.get(exported, 'prototype');
    if (!isObject(prototype)) return [];
    return patch.methods.flatMap((method) => this.#meet(adapter, prototype, method) ?? []);
  }

  /** At a target's first call: observe it, and make the call again through the hook that is on the target now. */
  #meet(adapter: AnyAdapter, prototype: object, method: string): (() => void) | undefined {
    return wrapMethod(prototype, method, (proceed, args, self) => {
      if (!isObject(self) || isObserved(adapter, self)) return proceed(...args);
      this.#observe(adapter, self);
      const hooked: unknown = Object.hasOwn(self, method) ? Reflect.get(self, method) : undefined;
      return typeof hooked === 'function' ? Reflect.apply(hooked, self, args) : proceed(...args);
    });
  }

  #observe(adapter: AnyAdapter, target: object): void {
    if (isObserved(adapter, target)) return;
    const observation = observeWith(adapter, target, this.getConfig(), {
      tracer: () => this.#tracerProvider ?? trace.getTracerProvider(),
      meter: () => this.#meterProvider ?? metrics.getMeterProvider(),
      logger: () => this.#logger ?? globalLogger(),
    });
    const reference = new WeakRef(observation);
    this.#observations.add(reference);
    this.#gone.register(observation, reference);
  }
}

function isObject(value: unknown): value is object {
  return (typeof value === 'object' && value !== null) || typeof value === 'function';
}

function isAdapter(value: unknown): value is AnyAdapter {
  return isObject(value) && 'translate' in value && 'attach' in value;
}
