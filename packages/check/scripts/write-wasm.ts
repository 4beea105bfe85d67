import { writeFileSync } from 'node:fs';
import { wasmModules, wasmSource } from './wasm.ts';

for (const name of wasmModules)
  writeFileSync(new URL(`../src/scan/${name}.wasm.ts`, import.meta.url), await wasmSource(name));
