// Signed loads, here and elsewhere: the quicker one of V8's compilers knows no others.

/** What no pair of digits stands for. */
const none = 0xffff;

/** The number that each pair of bytes stands for, by the pair as a 16-bit number. */
function pairsOf(digits: string, base: number): Uint16Array<ArrayBuffer> {
  const pairs = new Uint16Array(1 << 16).fill(none);
  for (const [high, left] of Array.from(digits).entries()) {
    for (const [low, right] of Array.from(digits).entries()) {
      const value = (high % base) * base + (low % base);
      pairs[left.charCodeAt(0) | (right.charCodeAt(0) << 8)] = value;
    }
  }
  return pairs;
}

const decimalPairs = pairsOf('0123456789', 10);
// The second sixteen have the values of the first: capital letters.
const hexadecimalPairs = pairsOf('0123456789abcdef0123456789ABCDEF', 16);

/** Eight hexadecimal digits as a number; -1: they are something else. */
export function readHexadecimal(view: DataView, start: number): number {
  const first = hexadecimalPairs[view.getInt16(start, true) & 0xffff] ?? none;
  const second = hexadecimalPairs[view.getInt16(start + 2, true) & 0xffff] ?? none;
  const third = hexadecimalPairs[view.getInt16(start + 4, true) & 0xffff] ?? none;
  const fourth = hexadecimalPairs[view.getInt16(start + 6, true) & 0xffff] ?? none;
  if ((first | second | third | fourth) > 0xff) return -1;
  return ((first << 24) | (second << 16) | (third << 8) | fourth) >>> 0;
}

/** A whole number from one place to another, as exact as a float is; -1: there is no digit, or something else. */
export function readDecimal(view: DataView, start: number, end: number): number {
  if (start === end) return -1;
  let value = 0;
  let at = start;
  for (; at + 2 <= end; at += 2) {
    const pair = decimalPairs[view.getInt16(at, true) & 0xffff] ?? none;
    if (pair === none) return -1;
    value = value * 100 + pair;
  }
  if (at === end) return value;
  const digit = view.getInt8(at) - 0x30;
  return digit >= 0 && digit <= 9 ? value * 10 + digit : -1;
}
