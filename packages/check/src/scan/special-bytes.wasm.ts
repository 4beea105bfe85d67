// Generated from special-bytes.wat by packages/check/scripts/write-wasm.ts.

/** The module of WebAssembly that special-bytes.wat is, in base64. */
export const specialBytesModule: string = [
  'AGFzbQEAAAABCAFgA39/fwF/AhABBHNjYW4GbWVtb3J5AgABAwIBAAcIAQRtYXJrAAAKcgFwAgF7AX8CQANAIAAgAU8NASAA/QAA',
  'ACEDIANBIP0P/SYgA0Ei/Q/9IyADQdwA/Q/9I/1Q/VD9ZCEEAkADQCAERQ0BIAIgACAEaGo2AgAgAkEEaiECIAQgBEEBa3EhBAwA',
  'CwsgAEEQaiEADAALCyACCw==',
].join('');
