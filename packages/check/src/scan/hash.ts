/** A hash of 64 bits, as two numbers of 32. */
export interface Hash {
  high: number;
  low: number;
}

/** Hashes a piece of bytes into `into`: texts of which only equality matters. */
export function hashBytes(view: DataView, start: number, end: number, into: Hash): void {
  let high = 0x811c9dc5;
  let low = 0x1b873593;
  let at = start;
  for (; at + 4 <= end; at += 4) {
    const word = view.getInt32(at, true);
    high = Math.imul(high ^ word, 0x9e3779b1);
    high ^= high >>> 15;
    low = Math.imul(low ^ word, 0x85ebca6b);
    low ^= low >>> 13;
  }
  for (; at < end; at += 1) {
    const byte = view.getInt8(at);
    high = Math.imul(high ^ byte, 0x01000193);
    low = Math.imul(low ^ byte, 0xc2b2ae35);
    low ^= low >>> 13;
  }
  into.high = mix(high ^ (end - start));
  into.low = mix(low ^ Math.imul(high, 0x27d4eb2f));
}

/** Hashes a text as its bytes would be. */
export function hashText(text: string, into: Hash): void {
  const bytes = Buffer.from(text, 'utf8');
  hashBytes(new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength), 0, bytes.length, into);
}

/** Hashes a trace's id, given as 32 hexadecimal digits. */
export function hashTraceId(id: string, into: Hash): void {
  const [first, second, third, fourth] = [0, 8, 16, 24].map((at) => Number.parseInt(id.slice(at, at + 8), 16));
  combineTraceId(first ?? 0, second ?? 0, third ?? 0, fourth ?? 0, into);
}

/** Hashes a trace's id, given as four numbers of 32 bits. */
export function combineTraceId(first: number, second: number, third: number, fourth: number, into: Hash): void {
  into.high = (first ^ Math.imul(third, 0x9e3779b1)) >>> 0;
  into.low = (second ^ Math.imul(fourth, 0x85ebca6b)) >>> 0;
}

function mix(value: number): number {
  let mixed = Math.imul(value ^ (value >>> 16), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return (mixed ^ (mixed >>> 16)) >>> 0;
}
