import { AttributeKeys, numbered } from './attribute-keys.ts';
import { JsonBytes } from './json-bytes.ts';
import { counted, kept } from './names.ts';
import { keyNames, valueNames } from './otlp-names.ts';
import type { SpanFields } from './span-fields.ts';

const quote = 0x22;
/** No key has been read yet. */
const unread = -3;

/** Reads attributes as OTLP's JSON lists them: where the texts are that rules ask for, and the token counts. */
export class AttributeBytes extends JsonBytes {
  /** Where texts and numbers of the span at hand begin that decided how it was read. */
  protected readonly decisive: number[] = [];
  readonly #keys = new AttributeKeys();

  /** Reads a list of attributes; only a span's own may be counted. Whether something is odd about one. */
  protected attributes(into: SpanFields, isOfSpan: boolean): boolean {
    let isOdd = false;
    for (let more = this.enterArray(); more; more = this.nextItem()) if (this.#attribute(into, isOfSpan)) isOdd = true;
    return isOdd;
  }

  #attribute(into: SpanFields, isOfSpan: boolean): boolean {
    let field = unread;
    let isRead = false;
    let isOdd = false;
    for (let more = this.enterObject(); more; more = this.nextMember()) {
      this.name();
      const member = keyNames.find(this.bytes, this.textStart, this.textEnd);
      if (member === 0 && field === unread) {
        this.text();
        if (this.isEscaped) this.giveUp();
        this.decisive.push(this.textStart);
        field = this.#keys.find(this.bytes, this.view, this.textStart, this.textEnd);
        if (field === numbered) isOdd = true;
      } else if (member === 1 && field !== unread && !isRead) {
        isRead = true;
        if (field < 0) this.skip();
        else if (!this.#value(field, into, isOfSpan)) isOdd = true;
      } else this.giveUp();
    }
    if (!isRead) this.giveUp();
    return isOdd;
  }

  /** Reads a value that is kept or counted; whether it was one. */
  #value(field: number, into: SpanFields, isOfSpan: boolean): boolean {
    if (field >= kept.length + counted.length || (!isOfSpan && field >= kept.length)) {
      this.skip();
      return false;
    }
    if (!this.enterObject()) this.giveUp();
    this.name();
    const type = valueNames.find(this.bytes, this.textStart, this.textEnd);
    if (type !== (field < kept.length ? 0 : 1)) this.giveUp();
    if (type === 1 && this.peek() !== quote) this.integer();
    else this.text();
    if ((type === 0 && this.isEscaped) || !into.take(field, this.textStart, this.textEnd)) this.giveUp();
    if (this.nextMember()) this.giveUp();
    return true;
  }
}
