/**
 * Text of ASCII to compare bytes with, eight at a time: as floats, which is the widest load that JavaScript has. ASCII
 * is never the pattern of bits of a NaN or a zero, so that equal floats are equal bytes. The last comparison
 * overlaps the one before.
 */
export interface Pattern {
  readonly length: number;
  /** Where each comparison begins. */
  readonly offsets: readonly number[];
  /** What stands there: floats of 64 bits; whole numbers of 32 where the text is shorter than eight bytes. */
  readonly values: readonly number[];
}

/** A text of ASCII, at least four bytes long, as a pattern. */
export function patternOf(text: string): Pattern {
  const bytes = Buffer.from(text, 'latin1');
  const { length } = bytes;
  const width = length < 8 ? 4 : 8;
  const offsets = Array.from({ length: Math.ceil(length / width) }, (_, at) => Math.min(at * width, length - width));
  const values = offsets.map((at) => (width === 8 ? bytes.readDoubleLE(at) : bytes.readInt32LE(at)));
  return { length, offsets, values };
}

/** Whether a pattern stands here. There must be as many bytes. */
export function standsAt(view: DataView, start: number, { length, offsets, values }: Pattern): boolean {
  if (length < 8) {
    for (let at = 0; at < offsets.length; at += 1)
      if (view.getInt32(start + (offsets[at] ?? 0), true) !== values[at]) return false;
    return true;
  }
  for (let at = 0; at < offsets.length; at += 1)
    if (view.getFloat64(start + (offsets[at] ?? 0), true) !== values[at]) return false;
  return true;
}

/** Whether the same bytes stand at two places. */
export function isSame(view: DataView, left: number, right: number, length: number): boolean {
  let at = 0;
  for (; at + 4 <= length; at += 4)
    if (view.getInt32(left + at, true) !== view.getInt32(right + at, true)) return false;
  for (; at < length; at += 1) if (view.getUint8(left + at) !== view.getUint8(right + at)) return false;
  return true;
}
