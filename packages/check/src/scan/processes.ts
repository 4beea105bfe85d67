import { isRecord } from '../sources/json.ts';
import { attributesOf } from '../sources/otlp-json.ts';
import { processOf } from '../span.ts';
import { type Hash, hashBytes } from './hash.ts';
import { HashTable } from './hash-table.ts';

/** Gives each process a number: the same for the same attributes, in whatever order and with whatever space they stand. */
export class Processes {
  readonly #texts = new HashTable();
  /** By the number of a text. */
  readonly #numbers: number[] = [];
  readonly #canonical = new Map<string, number>();
  readonly #hash: Hash = { high: 0, low: 0 };

  /** What each process is known by, in the order of their numbers. */
  get names(): readonly string[] {
    return [...this.#canonical.keys()];
  }

  /** The number of the process that is known by this. */
  numberByName(name: string): number {
    const number = this.#canonical.get(name) ?? this.#canonical.size;
    this.#canonical.set(name, number);
    return number;
  }

  /** The number of the resource that these bytes of JSON are. Each text is parsed once. */
  numberOf(view: DataView, start: number, end: number): number {
    hashBytes(view, start, end, this.#hash);
    const text = this.#texts.add(this.#hash.high, this.#hash.low);
    const known = this.#numbers[text];
    if (known !== undefined) return known;
    const json = Buffer.from(view.buffer, view.byteOffset + start, end - start).toString('utf8');
    const number = this.numberByName(canonicalResource(JSON.parse(json)));
    this.#numbers[text] = number;
    return number;
  }
}

function canonicalResource(resource: unknown): string {
  return processOf(isRecord(resource) ? attributesOf(resource['attributes']) : {});
}
