import type { Measure } from './measure.ts';
import { ways } from './ways.ts';

// node bench/one-way.ts <way> <file>: checks one file in one way, and prints what that took as JSON.

const [name = '', file = ''] = process.argv.slice(2);
const way = ways[name];
if (way === undefined) throw new Error(`there is no way ${name}; there are ${Object.keys(ways).join(', ')}`);
const before = process.cpuUsage();
const started = performance.now();
const found = await way.run(file);
const wallSeconds = (performance.now() - started) / 1e3;
const { user, system } = process.cpuUsage(before);
const measured: Measure = {
  cpuSeconds: (user + system) / 1e6,
  wallSeconds,
  megabytes: process.resourceUsage().maxRSS / 1024,
  ...(found === undefined ? {} : { found }),
};
console.log(JSON.stringify(measured));
