/** `createRequire`, by another name: where webpack sees that one called, it bundles every file that may be required. */
export { createRequire as requireFrom } from 'node:module';
