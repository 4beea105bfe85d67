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

/** An attribute of a span; empty where it is absent. */
export function attribute(name: string): string {
  return `SpanAttributes[${literal(name)}]`;
}
