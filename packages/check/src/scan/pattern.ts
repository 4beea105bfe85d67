/**
 * Text of ASCII to compare bytes with, eight at a time: as floats, which is the widest load that JavaScript has. ASCII
 * is never the pattern of bits of a NaN or a zero, so that equal floats are equal bytes.
 */
export interface Pattern {
  readonly length: number;
  /** Groups of eight bytes from the beginning; none where the text is shorter. */
  readonly eights: Float64Array;
  /** The last eight bytes, which may overlap those. */
  readonly last: number;
  /** Of a text that is shorter: its first and its last four bytes. */
  readonly fours: Int32Array;
}

/** Eight characters of ASCII as what `getFloat64` gives for them. */
export function eightBytes(text: string): number {
  return Buffer.from(text, 'latin1').readDoubleLE();
}

/** A text of ASCII, at least four bytes long, as a pattern. */
export function patternOf(text: string): Pattern {
  const bytes = Buffer.from(text, 'latin1');
  const { length } = bytes;
  return {
    length,
    eights: Float64Array.from({ length: length >> 3 }, (_, at) => bytes.readDoubleLE(at * 8)),
    last: length < 8 ? 0 : bytes.readDoubleLE(length - 8),
    fours: Int32Array.of(bytes.readInt32LE(0), bytes.readInt32LE(length - 4)),
  };
}

/** Whether a pattern stands here. There must be as many bytes. */
export function standsAt(view: DataView, start: number, { length, eights, last, fours }: Pattern): boolean {
  if (length < 8)
    return view.getInt32(start, true) === fours[0] && view.getInt32(start + length - 4, true) === fours[1];
  for (let at = 0; at < eights.length; at += 1) if (view.getFloat64(start + at * 8, true) !== eights[at]) return false;
  return view.getFloat64(start + length - 8, true) === last;
}

/** Whether the same bytes stand at two places. */
export function isSame(view: DataView, left: number, right: number, length: number): boolean {
  let at = 0;
  for (; at + 4 <= length; at += 4)
    if (view.getInt32(left + at, true) !== view.getInt32(right + at, true)) return false;
  for (; at < length; at += 1) if (view.getInt8(left + at) !== view.getInt8(right + at)) return false;
  return true;
}
