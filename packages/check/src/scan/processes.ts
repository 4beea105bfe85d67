import { isRecord } from '../sources/json.ts';
import { attributesOf } from '../sources/otlp-json.ts';
import { type Hash, hashBytes } from './hash.ts';
import { HashTable } from './hash-table.ts';

/** Gives each process a number: the same for the same attributes, in whatever order and with whatever space they stand. */
export class Processes {
  readonly #texts = new HashTable();
  /** By the number of a text. */
  readonly #numbers: number[] = [];
  readonly #canonical = new Map<string, number>();
  readonly #hash: Hash = { high: 0, low: 0 };

  /** The number of the resource that these bytes of JSON are. Each text is parsed once. */
  numberOf(bytes: Uint8Array, start: number, end: number): number {
    hashBytes(bytes, start, end, this.#hash);
    const text = this.#texts.add(this.#hash.high, this.#hash.low);
    const known = this.#numbers[text];
    if (known !== undefined) return known;
    const json = Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString('utf8');
    const canonical = canonicalResource(JSON.parse(json));
    const number = this.#canonical.get(canonical) ?? this.#canonical.size;
    this.#canonical.set(canonical, number);
    this.#numbers[text] = number;
    return number;
  }
}

function canonicalResource(resource: unknown): string {
  const attributes = isRecord(resource) ? attributesOf(resource['attributes']) : {};
  return JSON.stringify(Object.entries(attributes).toSorted(([left], [right]) => (left < right ? -1 : 1)));
}
