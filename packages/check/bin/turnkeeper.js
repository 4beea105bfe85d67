#!/usr/bin/env node
// As `engines` in package.json has it. Whatever is imported from the beginning is linked before this could say a word.
const [major, minor] = process.versions.node.split('.').map(Number);
if (major < 22 || (major === 22 && minor < 15)) {
  process.stderr.write(`turnkeeper: Node ${process.versions.node} is too old: use Node 22.15 or later.\n`);
  process.exitCode = 2;
} else {
  const { main } = await import('../dist/cli.js');
  process.exitCode = await main(process.argv.slice(2));
}
