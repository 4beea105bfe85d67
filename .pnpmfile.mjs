/**
 * Tests load Pi 1.5 as the bundle that its command line is: of its dependencies, some of which are not on npm, that needs
 * only what is no JavaScript.
 */
export const hooks = {
  readPackage: (manifest) =>
    manifest.name === '@earendil-works/pi-coding-agent' && manifest.version.startsWith('1.')
      ? { ...manifest, dependencies: { 'quickjs-wasi': manifest.dependencies['quickjs-wasi'] } }
      : manifest,
};
