import { readFileSync } from 'node:fs';
import loadWabt from 'wabt';

const source = 'special-bytes.wat';

/** The text of `special-bytes.wasm.ts`: what stands in `special-bytes.wat`, assembled. */
export async function specialBytesSource(): Promise<string> {
  const wabt = await loadWabt();
  const text = readFileSync(new URL(`../src/scan/${source}`, import.meta.url), 'utf8');
  const module = wabt.parseWat(source, text, { simd: true });
  const { buffer } = module.toBinary({});
  module.destroy();
  const lines =
    Buffer.from(buffer)
      .toString('base64')
      .match(/.{1,100}/gu) ?? [];
  return `// Generated from ${source} by packages/check/scripts/write-wasm.ts.

/** The module of WebAssembly that ${source} is, in base64. */
export const specialBytesModule: string = [
${lines.map((line) => `  '${line}',`).join('\n')}
].join('');
`;
}
