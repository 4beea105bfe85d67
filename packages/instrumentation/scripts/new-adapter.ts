/**
 * `pnpm new:adapter acme`: a folder for the adapter of an engine, made of adapters/_template and registered. It compiles,
 * and its contract test says what to do next; docs/adapters.md says what is left to do by hand.
 */
import { cpSync, existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Script } from 'node:vm';

const here = fileURLToPath(new URL('..', import.meta.url));
const [name = ''] = process.argv.slice(2);
const folder = join(here, 'src/adapters', name);

if (!/^[a-z][a-z0-9]*(-[a-z0-9]+)*$/.test(name)) {
  console.error(
    `pnpm new:adapter needs the engine's name in lower case, words joined by hyphens, not ${JSON.stringify(name)}.`,
  );
  process.exit(2);
}
if (existsSync(folder)) {
  console.error(`There is an adapter of ${name} already: ${folder}.`);
  process.exit(2);
}
const { exports }: { readonly exports: object } = JSON.parse(readFileSync(join(here, 'package.json'), 'utf8'));
if (Object.hasOwn(exports, `./${name}`)) {
  console.error(`The package has a door @turnkeeper/instrumentation/${name} already: give the adapter another name.`);
  process.exit(2);
}

const words = name.split('-').map((word) => word.charAt(0).toUpperCase() + word.slice(1));
const typeName = words.join('');
const valueName = typeName.charAt(0).toLowerCase() + typeName.slice(1);
if (!isFree(valueName)) {
  console.error(`The adapter would be a constant ${valueName}, which its code cannot declare: give it another name.`);
  process.exit(2);
}

cpSync(join(here, 'src/adapters/_template'), folder, { recursive: true });
for (const file of readdirSync(folder)) {
  edit(join(folder, file), [
    ["'template'", `'${name}'`],
    ['template-engine', name],
    ['Template', typeName],
    ['template', valueName],
  ]);
}

edit(join(here, 'src/instrumentation.ts'), [
  ['export type EngineName =', `export type EngineName = '${name}' |`],
  [
    'const PACKAGES: Readonly<Record<EngineName, readonly string[]>> = {',
    `const PACKAGES: Readonly<Record<EngineName, readonly string[]>> = {\n  '${name}': ['${name}'],`,
  ],
  [
    'export const ENGINE_NAMES: readonly EngineName[] = [',
    `export const ENGINE_NAMES: readonly EngineName[] = ['${name}', `,
  ],
]);
edit(join(here, 'scripts/generated-docs.ts'), [
  [
    'const TITLES: Readonly<Record<EngineName, string>> = {',
    `const TITLES: Readonly<Record<EngineName, string>> = { '${name}': '${words.join(' ')}',`,
  ],
]);
edit(join(here, 'package.json'), [
  [
    '"./package.json": "./package.json"',
    `"./${name}": "./dist/adapters/${name}/index.js",\n    "./package.json": "./package.json"`,
  ],
]);

console.log(`packages/instrumentation/src/adapters/${name} is there. What to do next, its contract test says:

  pnpm build && pnpm exec vitest run packages/instrumentation/src/adapters/${name}

docs/adapters.md walks through a complete small adapter. When it works: docs/engines/${name}.md, pnpm write-docs, pnpm format.`);

/** Whether the template can declare a constant of this name: no word of the language, no import of its own. */
function isFree(constant: string): boolean {
  if (['attach', 'describeAdapter', 'patches', 'scope', 'start', 'translate'].includes(constant)) return false;
  try {
    return Boolean(new Script(`async () => { 'use strict'; const ${constant} = 0; };`));
  } catch {
    return false;
  }
}

function edit(file: string, replacements: readonly (readonly [string, string])[]): void {
  let text = readFileSync(file, 'utf8');
  for (const [from, to] of replacements) text = text.replaceAll(from, to);
  writeFileSync(file, text);
}
