import fc from 'fast-check';
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { wasmModules, wasmSource } from '../../scripts/wasm.ts';
import { ScanMemory } from './scan-memory.ts';
import { walkLines } from './walk-lines.ts';

function marksOf(memory: ScanMemory, text: string, at: number): readonly number[] {
  const end = at + memory.bytes.write(text, at, 'latin1');
  memory.mark(at, end);
  return [...memory.marks.subarray(0, memory.marks.indexOf(end) + 1)];
}

describe('ScanMemory', () => {
  it('marks quotes, backslashes and control characters, and the end', () => {
    expect(marksOf(new ScanMemory(64), '{"a":"\\n\u0001b"}', 3)).toEqual([4, 6, 8, 9, 11, 13, 15]);
  });

  it('finds the same in WebAssembly and in JavaScript', () => {
    const [fast, plain] = [new ScanMemory(4096), new ScanMemory(4096, true)];
    const character = fc.oneof(fc.constantFrom(...Array.from('"\\\n\u0000\u001f\u007f\u0080\u00ff')), fc.constant('a'));
    fc.assert(
      fc.property(fc.string({ unit: character, maxLength: 200 }), fc.nat(40), (text, at) => {
        expect(marksOf(fast, text, at)).toEqual(marksOf(plain, text, at));
      }),
    );
  });

  it('keeps what is in it when it gets more room', () => {
    const memory = new ScanMemory(16);
    memory.bytes.write('"a" and the rest');
    memory.widen();
    expect(memory.bytes.toString('latin1', 0, 16)).toBe('"a" and the rest');
    expect(marksOf(memory, '"b"', 29)).toEqual([29, 31, 32]);
  });

  it('says where there is no more room for a line', async () => {
    const file = { name: 'traces.jsonl', content: Buffer.from(`{}\n${' '.repeat(100)}`) };
    const walk = (most: number) =>
      walkLines({ file, from: 0, to: Number.POSITIVE_INFINITY }, new ScanMemory(16, false, most), {
        block: () => {},
        line: () => {},
      });
    await expect(walk(64)).rejects.toThrow('traces.jsonl:2: this line is too large to be read at once. ');
    await expect(walk(128)).resolves.toBeUndefined();
  });

  it.each(wasmModules)('runs what is written in %s.wat', async (name) => {
    const written = readFileSync(new URL(`${name}.wasm.ts`, import.meta.url), 'utf8');
    expect(written).toBe(await wasmSource(name));
  });
});
