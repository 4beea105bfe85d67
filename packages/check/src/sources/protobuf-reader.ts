/** A message that is not what protobuf's wire format allows, or that ends too early. */
export class ProtobufError extends Error {
  override readonly name = 'ProtobufError';
}

/**
 * Reads the wire format of protocol buffers by pulling one field after another: nothing is built that nobody asks for.
 * https://protobuf.dev/programming-guides/encoding
 */
export class ProtobufReader {
  readonly #bytes: Buffer;
  readonly #end: number;
  #position: number;
  #wire = 0;

  constructor(bytes: Buffer, start = 0, end: number = bytes.length) {
    this.#bytes = bytes;
    this.#position = start;
    this.#end = end;
  }

  /** The number of the next field; 0 at the end of the message. */
  field(): number {
    if (this.#position >= this.#end) return 0;
    const tag = this.#varint();
    this.#wire = tag & 7;
    const field = Math.floor(tag / 8);
    if (field === 0) throw new ProtobufError('a field has the number 0');
    return field;
  }

  /** The field as a message of its own. */
  message(): ProtobufReader {
    const length = this.#length();
    const start = this.#position;
    this.#position += length;
    return new ProtobufReader(this.#bytes, start, start + length);
  }

  /** The field as text. */
  text(): string {
    const length = this.#length();
    this.#position += length;
    return this.#bytes.toString('utf8', this.#position - length, this.#position);
  }

  /** The field as bytes, written in lower-case hexadecimal digits. */
  hexadecimal(): string {
    const length = this.#length();
    this.#position += length;
    return this.#bytes.toString('hex', this.#position - length, this.#position);
  }

  /** The field as bytes, written as OTLP's JSON has them. */
  base64(): string {
    const length = this.#length();
    this.#position += length;
    return this.#bytes.toString('base64', this.#position - length, this.#position);
  }

  /** The field as an unsigned number: an enumeration, a flag, a length. */
  unsigned(): number {
    this.#expect(0);
    return this.#varint();
  }

  /** The field as a signed 64-bit number; exact up to 2^53. */
  integer(): number {
    this.#expect(0);
    let value = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = this.#byte();
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return Number(BigInt.asIntN(64, value));
    }
    throw new ProtobufError('a number is too long');
  }

  fixed32(): number {
    this.#expect(5);
    return this.#bytes.readUInt32LE(this.#advance(4));
  }

  fixed64(): bigint {
    this.#expect(1);
    return this.#bytes.readBigUInt64LE(this.#advance(8));
  }

  double(): number {
    this.#expect(1);
    return this.#bytes.readDoubleLE(this.#advance(8));
  }

  /** Passes the field over. */
  skip(): void {
    if (this.#wire === 0) this.#varint();
    else if (this.#wire === 1) this.#advance(8);
    else if (this.#wire === 2) this.#advance(this.#length());
    else if (this.#wire === 5) this.#advance(4);
    else throw new ProtobufError(`a field is of the unknown type ${this.#wire}`);
  }

  #length(): number {
    this.#expect(2);
    const length = this.#varint();
    if (length > this.#end - this.#position) throw new ProtobufError('a field is longer than its message');
    return length;
  }

  #expect(wire: number): void {
    if (this.#wire !== wire) throw new ProtobufError(`a field is of type ${this.#wire} instead of ${wire}`);
  }

  /** Where the next bytes are; moves behind them. */
  #advance(bytes: number): number {
    const position = this.#position;
    if (bytes > this.#end - position) throw new ProtobufError('the message ends in the middle of a field');
    this.#position += bytes;
    return position;
  }

  #byte(): number {
    return this.#bytes[this.#advance(1)] ?? 0;
  }

  #varint(): number {
    let value = 0;
    for (let factor = 1; factor <= 2 ** 63; factor *= 128) {
      const byte = this.#byte();
      value += (byte & 0x7f) * factor;
      if (byte < 0x80) return value;
    }
    throw new ProtobufError('a number is too long');
  }
}
