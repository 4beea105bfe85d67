import { describe, expect, it } from 'vitest';
import { decodeTraceRequest } from './otlp-protobuf.ts';
import { ProtobufError } from './protobuf-reader.ts';

/** A number as protobuf writes it: seven bits a byte, the last ones first. */
function varint(value: bigint): Buffer {
  const bytes: number[] = [];
  for (let left = value; bytes.length === 0 || left > 0n; left >>= 7n) {
    bytes.push(Number(left & 0x7fn) + (left > 0x7fn ? 0x80 : 0));
  }
  return Buffer.from(bytes);
}

const tag = (field: number, wire: number): Buffer => varint(BigInt(field * 8 + wire));
const number = (field: number, value: bigint): Buffer => Buffer.concat([tag(field, 0), varint(value)]);
const message = (field: number, ...parts: readonly Buffer[]): Buffer => {
  const content = Buffer.concat(parts);
  return Buffer.concat([tag(field, 2), varint(BigInt(content.length)), content]);
};
const text = (field: number, words: string): Buffer => message(field, Buffer.from(words));

const place = { file: 'traces' };
const ids = [message(1, Buffer.alloc(16, 0xaa)), message(2, Buffer.alloc(8, 0xbb))];
const span = (...parts: readonly Buffer[]): Buffer => message(2, ...ids, ...parts);
const read = (...spans: readonly Buffer[]) => decodeTraceRequest(message(1, message(2, ...spans)), place, 0);

describe('a span in protobuf', () => {
  it('is read with what is behind its fields that nobody knows, of whatever type', () => {
    const unknown = [
      number(99, 2n ** 63n),
      Buffer.concat([tag(98, 1), Buffer.alloc(8, 0xff)]),
      text(97, 'more'),
      Buffer.concat([tag(96, 5), Buffer.alloc(4, 0xff)]),
    ];
    expect(read(span(...unknown, text(5, 'chat m1')))).toMatchObject([{ name: 'chat m1' }]);
  });

  it('has attributes of every kind', () => {
    const attribute = (key: string, value: Buffer): Buffer => message(9, text(1, key), message(2, value));
    const half = Buffer.alloc(8);
    half.writeDoubleLE(0.5);
    const [read1] = read(
      span(
        attribute('negative', number(3, 2n ** 64n - 3n)),
        attribute('large', number(3, 2n ** 53n)),
        attribute('ratio', Buffer.concat([tag(4, 1), half])),
        attribute('flag', number(2, 1n)),
        attribute('bytes', message(7, Buffer.from([0, 255, 254]))),
        attribute('map', message(6, message(1, text(1, '__proto__'), message(2, text(1, 'p'))))),
      ),
    );
    expect({ ...read1?.attributes }).toEqual({
      negative: -3,
      large: 2 ** 53,
      ratio: 0.5,
      flag: true,
      bytes: 'AP/+',
      map: JSON.parse('{"__proto__":"p"}'),
    });
    // As those of JSON are, for whoever compares them.
    expect(Object.getPrototypeOf(read1?.attributes['map'])).toBe(Object.prototype);
  });

  it('of a kind and a status that nobody knows is of none', () => {
    expect(read(span(number(6, 9n), message(15, number(3, 9n))))).toMatchObject([
      { kind: 'unspecified', status: 'unset' },
    ]);
  });

  it('is one of all scopes of its resource', () => {
    const scopes = [message(2, span()), message(2, span())];
    const resource = message(1, message(1, text(1, 'service.name'), message(2, text(1, 'shop'))));
    const spans = decodeTraceRequest(message(1, ...scopes, resource), place, 7);
    expect(spans.map(({ order, resource: { 'service.name': name } }) => [order, name])).toEqual([
      [7, 'shop'],
      [8, 'shop'],
    ]);
  });

  it.each([
    ['a field has the number 0', [number(0, 1n)]],
    ['a field is longer than its message', [Buffer.concat([tag(5, 2), varint(100n)])]],
    ['the message ends in the middle of a field', [Buffer.concat([tag(7, 1), Buffer.alloc(4)])]],
    ['a field is of type 0 instead of 2', [number(5, 1n)]],
    ['a field is of the unknown type 3', [tag(99, 3)]],
    ['a number is too long', [Buffer.concat([tag(6, 0), Buffer.alloc(11, 0xff)])]],
  ])('is refused where %s', (why, parts) => {
    // Something follows it: what is read beyond the end of a message is not nothing.
    expect(() => read(span(...parts), span(), span(text(5, 'x'.repeat(200))))).toThrow(new ProtobufError(why));
  });
});
