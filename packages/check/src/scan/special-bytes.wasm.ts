// Generated from special-bytes.wat by packages/check/scripts/write-wasm.ts.

/** The module of WebAssembly that special-bytes.wat is, in base64. */
export const specialBytesModule: string = [
  'AGFzbQEAAAABCAFgA39/fwF/AwIBAAUDAQABBxECBm1lbW9yeQIABG1hcmsAAApyAXACAXsBfwJAA0AgACABTw0BIAD9AAAAIQMg',
  'A0Eg/Q/9JiADQSL9D/0jIANB3AD9D/0j/VD9UP1kIQQCQANAIARFDQEgAiAAIARoajYCACACQQRqIQIgBCAEQQFrcSEEDAALCyAA',
  'QRBqIQAMAAsLIAIL',
].join('');
