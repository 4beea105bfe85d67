import { createRequire } from 'node:module';
import { extname } from 'node:path';
import type { Adapter, Patch } from './adapter.ts';
import { isObject } from './narrow.ts';
import { isObserved } from './observe.ts';
import { say } from './say.ts';
import { aroundOwn, wrapMethod } from './wrap-method.ts';

/** An adapter of any engine. */
export type AnyAdapter = Adapter<object, unknown, unknown>;

/** A module of an engine's that was loaded. */
export interface LoadedModule {
  readonly name: string;
  readonly exports: object;
}

type Observe = (adapter: AnyAdapter, target: object) => void;

/** Loads an adapter by its folder's name, at once. @throws where there is no such adapter. */
export function loadAdapter(name: string): AnyAdapter {
  const adapters: unknown = createRequire(import.meta.url)(`./adapters/${name}/index${extname(import.meta.filename)}`);
  const adapter = isObject(adapters) ? Object.values(adapters).find(isAdapter) : undefined;
  if (!adapter) throw new Error(`adapters/${name} exports no adapter`);
  return adapter;
}

/** Patches what leads to targets of this engine; returns what takes the patches away. */
export function patchEngine(engine: string, { name, exports }: LoadedModule, observe: Observe): (() => void)[] {
  const adapter = loadAdapter(engine);
  const patches = adapter.patches?.filter(({ module }) => module === name) ?? [];
  return patches.flatMap((patch) => applyPatch(adapter, patch, exports, observe));
}

function applyPatch(adapter: AnyAdapter, patch: Patch, exports: object, observe: Observe): (() => void)[] {
  const exported: unknown = Reflect.get(exports, patch.export);
  if (!isObject(exported)) {
    say('debug', `${patch.module} has no export ${patch.export}: it is not observed`);
    return [];
  }
  if (!patch.methods) {
    observe(adapter, exported);
    return [];
  }
  const prototype: unknown = Reflect.get(exported, 'prototype');
  if (!isObject(prototype)) return [];
  return patch.methods.flatMap((method) => meet({ adapter, patch, observe }, prototype, method) ?? []);
}

interface Meeting {
  readonly adapter: AnyAdapter;
  readonly patch: Patch;
  readonly observe: Observe;
}

/**
 * At a target's first call: observe it, and let what stands around its method by now stand around this call too. Not by
 * calling the method again: somebody's own, or a subclass's, may be what has called this one.
 */
function meet({ adapter, patch, observe }: Meeting, prototype: object, method: string): (() => void) | undefined {
  return wrapMethod(prototype, method, (proceed, args, self) => {
    if (!isObject(self) || isObserved(adapter, self) || patch.accepts?.(self, args) === false) return proceed(...args);
    observe(adapter, self);
    const around = aroundOwn(self, method);
    return around ? around(proceed, args, self) : proceed(...args);
  });
}

function isAdapter(value: unknown): value is AnyAdapter {
  return isObject(value) && 'translate' in value && 'attach' in value;
}
