/** What is known of a span by how it is written, whatever its texts say that may differ between spans of one shape. */
export class SpanStructure {
  /** A bit for each place that there is: see places.ts. */
  present = 0;
  /** Bits of `flag` that depend on nothing else. */
  flags = 0;
  kind = 0;
  status = 0;
  spanFlags = 0;
  /** How many `run.start` events and links there are. */
  runStarts = 0;
  links = 0;
  /** Whether an operation is named, and which one it is; -1: another one. */
  hasOperation = false;
  operation = -1;
}
