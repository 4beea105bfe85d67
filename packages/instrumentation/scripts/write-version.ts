/** `pnpm release:version`, after changesets: the version that the spans name is the package's. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const folder = join(import.meta.dirname, '..');
const { version }: { readonly version: string } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
const file = join(folder, 'src/version.ts');
writeFileSync(file, readFileSync(file, 'utf8').replace(/(VERSION = )'[^']*'/, `$1'${version}'`));
