import { readFileSync } from 'node:fs';
import loadWabt from 'wabt';

/** What is written in WebAssembly, by the names of the files in `src/scan`. */
export const wasmModules: readonly string[] = ['special-bytes', 'span-shapes'];

/** The text of `<name>.wasm.ts`: what stands in `<name>.wat`, assembled. */
export async function wasmSource(name: string): Promise<string> {
  const wabt = await loadWabt();
  const text = readFileSync(new URL(`../src/scan/${name}.wat`, import.meta.url), 'utf8');
  const module = wabt.parseWat(`${name}.wat`, text, { simd: true });
  const { buffer } = module.toBinary({});
  module.destroy();
  const lines =
    Buffer.from(buffer)
      .toString('base64')
      .match(/.{1,100}/gu) ?? [];
  return `// Generated from ${name}.wat by packages/check/scripts/write-wasm.ts.

/** The module of WebAssembly that ${name}.wat is, in base64. */
export const ${name.replaceAll(/-(.)/gu, (_, letter: string) => letter.toUpperCase())}Module: string = [
${lines.map((line) => `  '${line}',`).join('\n')}
].join('');
`;
}
