import { writeFileSync } from 'node:fs';
import { specialBytesSource } from './special-bytes.ts';

writeFileSync(new URL('../src/scan/special-bytes.wasm.ts', import.meta.url), await specialBytesSource());
