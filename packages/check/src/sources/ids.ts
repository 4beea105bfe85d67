/** An id as lower-case hexadecimal digits. OTLP's JSON has them in hexadecimal; protobuf's own mapping in base64. */
export function idOf(id: unknown, digits: 16 | 32): string | undefined {
  if (typeof id !== 'string') return undefined;
  const hexadecimal = id.length === digits ? id.toLowerCase() : Buffer.from(id, 'base64').toString('hex');
  if (hexadecimal.length !== digits || !/^[0-9a-f]+$/u.test(hexadecimal) || /^0+$/u.test(hexadecimal)) return undefined;
  return hexadecimal;
}
