/** A value as a text literal of ClickHouse's SQL. */
export function literal(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
}

/** A name of a database, a table or a column. */
export function identifier(name: string): string {
  return `\`${name.replaceAll('\\', '\\\\').replaceAll('`', '\\`')}\``;
}

/** A list of text literals; one that matches nothing where it is empty. */
export function list(texts: Iterable<string>): string {
  const literals = Array.from(texts, literal);
  return literals.length === 0 ? "('')" : `(${literals.join(', ')})`;
}

/** So many bytes of literals leave room for the rest of a query: a server takes 262,144 unless it is told otherwise. */
const longest = 100_000;

/** Texts in as few parts as a query has room for, each of which fits into one as a list. */
export function* parts(texts: Iterable<string>): Iterable<readonly string[]> {
  let part: string[] = [];
  let bytes = 0;
  for (const text of texts) {
    const size = Buffer.byteLength(literal(text)) + 2;
    if (part.length > 0 && bytes + size > longest) {
      yield part;
      [part, bytes] = [[], 0];
    }
    part.push(text);
    bytes += size;
  }
  if (part.length > 0) yield part;
}

/** An attribute of a span; empty where it is absent. */
export function attribute(name: string): string {
  return `SpanAttributes[${literal(name)}]`;
}
