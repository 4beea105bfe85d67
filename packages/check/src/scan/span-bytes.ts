import { AttributeBytes } from './attribute-bytes.ts';
import type { NameIndex } from './names.ts';
import { entryNames, eventNames, generated, linkKinds, required, spanNames } from './otlp-names.ts';
import { place } from './places.ts';
import { conversation, linkKind, operationName, session, source, SpanFields } from './span-fields.ts';
import { operationNames } from './span-flaws.ts';
import { flag } from './span-rows.ts';
import { SpanStructure } from './span-structure.ts';

/** Reads a span of OTLP's JSON member by member: where its fields are, and what it is by how it is written. */
export class SpanBytes extends AttributeBytes {
  protected readonly fields: SpanFields = new SpanFields();
  /** Where the fields of the event or the link at hand are. */
  readonly #inner = new SpanFields();
  /** Whether a field of the span has an escape in it, which not all spans of its shape have. */
  protected hasEscapes = false;

  /** Reads a span into the fields. */
  protected readSpan(): void {
    const { fields } = this;
    const structure = new SpanStructure();
    fields.structure = structure;
    this.decisive.length = 0;
    this.hasEscapes = false;
    this.isOdd = false;
    let seen = 0;
    for (let more = this.enterObject(); more; more = this.nextMember()) {
      this.name();
      const field = spanNames.find(this.bytes, this.textStart, this.textEnd);
      seen = this.#once(seen, field);
      if (field === 0) this.#textInto(place.trace);
      else if (field === 1) this.#textInto(place.span);
      else if (field === 2) this.#textInto(place.parent);
      else if (field === 3) structure.spanFlags = this.#decisiveNumber();
      else if (field === 4) this.#textInto(place.name);
      else if (field === 5) structure.kind = this.#decisiveNumber();
      else if (field === 6) this.#textInto(place.start);
      else if (field === 7) this.#textInto(place.end);
      else if (field === 8) this.attributes(fields, true);
      else if (field === 9) for (let item = this.enterArray(); item; item = this.nextItem()) this.#event();
      else if (field === 10) for (let item = this.enterArray(); item; item = this.nextItem()) this.#link();
      else if (field === 11) structure.status = this.#status();
      else this.skip();
    }
    if ((seen & required) !== required) this.giveUp();
    structure.hasOperation = fields.has(operationName);
    structure.operation = this.#decisiveWord(fields, operationName, operationNames);
    if (this.isOdd || this.hasEscapes) structure.flags |= flag.isFlawed;
    if (this.#decisiveWord(fields, source, generated) === 0) structure.flags |= flag.isGenerated;
  }

  /** Notes a member that may be there once; of two, only the parser knows which counts. */
  #once(seen: number, field: number): number {
    if (field === -1) return seen;
    if ((seen & (1 << field)) !== 0) this.giveUp();
    return seen | (1 << field);
  }

  #textInto(number: number): void {
    this.text();
    this.hasEscapes ||= this.isEscaped;
    this.fields.set(number, this.textStart, this.textEnd);
  }

  /** Reads a number that is the same in all spans of this shape. */
  #decisiveNumber(): number {
    const number = this.integer();
    this.decisive.push(this.textStart);
    return number;
  }

  /**
   * Takes a field that says the same in all spans of this shape, and of which nobody asks any more where it is: which
   * word it is; -1: another one, or none.
   */
  #decisiveWord(fields: SpanFields, number: number, words: NameIndex): number {
    if (!fields.isThere(number)) return -1;
    const start = fields.startOf(number);
    this.decisive.push(start);
    fields.remove(number);
    return words.find(this.bytes, start, fields.endOf(number));
  }

  #status(): number {
    let code = 0;
    let seen = 0;
    for (let more = this.enterObject(); more; more = this.nextMember()) {
      this.name();
      const field = entryNames.find(this.bytes, this.textStart, this.textEnd);
      seen = this.#once(seen, field);
      if (field === 4) code = this.#decisiveNumber();
      else this.skip();
    }
    return code;
  }

  #event(): void {
    const { fields } = this;
    const inner = this.#inner;
    inner.structure.present = 0;
    let seen = 0;
    for (let more = this.enterObject(); more; more = this.nextMember()) {
      this.name();
      const field = entryNames.find(this.bytes, this.textStart, this.textEnd);
      seen = this.#once(seen, field);
      if (field === 3) {
        this.text();
        this.isOdd ||= this.isEscaped;
        inner.set(place.name, this.textStart, this.textEnd);
      } else if (field === 2) this.attributes(inner, false);
      else this.skip();
    }
    const word = this.#decisiveWord(inner, place.name, eventNames);
    // Whether a message has content in it, the rules find out.
    if (word > 0) this.isOdd = true;
    if (word !== 0) return;
    fields.structure.runStarts += 1;
    fields.setFrom(place.startSession, inner, session);
    fields.setFrom(place.startConversation, inner, conversation);
  }

  #link(): void {
    const { structure } = this.fields;
    const inner = this.#inner;
    inner.structure.present = 0;
    let seen = 0;
    for (let more = this.enterObject(); more; more = this.nextMember()) {
      this.name();
      const field = entryNames.find(this.bytes, this.textStart, this.textEnd);
      seen = this.#once(seen, field);
      if (field === 0) this.#textInto(place.linkTrace);
      else if (field === 1) this.#textInto(place.linkSpan);
      else if (field === 2) this.attributes(inner, false);
      else this.skip();
    }
    structure.links += 1;
    // There is room for one link: where there are more, or one that is odd, the rules look for themselves.
    if ((seen & 3) !== 3 || structure.links > 1) this.isOdd = true;
    if (this.#decisiveWord(inner, linkKind, linkKinds) === 0) structure.flags |= flag.hasLink;
  }
}
