/** `node bench/one-contestant.ts <module> <name> <rounds to warm up> <rounds>`: what one conversation costs, alone. */
import { join } from 'node:path';
import type { Contestants } from './apart.ts';
import { compare } from './measure.ts';
import { CONVERSATIONS, useContextManager } from './tracing.ts';

const [module = '', name = '', warmUp, rounds] = process.argv.slice(2);
useContextManager();
const { contestants }: { readonly contestants: Contestants } = await import(join(import.meta.dirname, `${module}.ts`));
const make = contestants[name];
if (!make) throw new Error(`${module} has no contestant ${name}; it has ${Object.keys(contestants).join(', ')}`);
const options = { warmUp: Number(warmUp), rounds: Number(rounds), pieces: CONVERSATIONS };
const contestant = await make();
const [cost] = await compare([contestant], options);
await contestant.end?.();
console.log(cost?.value);
process.exit();
