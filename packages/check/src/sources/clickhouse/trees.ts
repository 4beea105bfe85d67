/**
 * A query for where spans hang: one row a trace, of the spans that fulfil a condition, with lists that have an element for
 * each span, and what more is to be known of the trace. Where an element is another span, it is its position in the lists,
 * from 1, or 0: `parents`; `run`, the root of the run that a span belongs to; `above`, that of the nearest run above it.
 */
export function trees(columns: readonly string[], condition = '1'): string {
  const lists = [
    'groupArray(sipHash64(SpanId)) AS ids',
    'groupArray(sipHash64(ParentSpanId)) AS parentIds',
    'groupArray(root) AS isRoot',
  ];
  return `SELECT *, ${positionsOf('ids')} AS positions, ${lookUp('parentIds', 'ids', 'positions')} AS parents,
  arrayDistinct(${follow('parents')}) AS ring, arrayMap((at, parent) -> if(has(ring, at), 0, parent), positions, parents) AS ways,
  arrayMap((at, way, root) -> if(root, at, way), positions, ways, isRoot) AS waysToRoots, ${follow('waysToRoots')} AS run,
  arrayMap((own, outer, root) -> if(root, outer, own), run, ${lookUp('ways', 'positions', 'run')}, isRoot) AS above,
  arrayFilter((at, root) -> root, positions, isRoot) AS roots
FROM (SELECT TraceId, ${[...lists, ...columns].join(', ')} FROM spans WHERE ${condition} GROUP BY TraceId)`;
}

/**
 * For each element of a list the value that stands where the same key does, or 0. It sorts instead of looking things up:
 * a list that a lambda takes from around it is copied for each element, and traces may have thousands.
 */
export function lookUp(wanted: string, keys: string, values: string): string {
  const given = `arrayMap((key, value) -> (key, 0, value), ${keys}, ${values})`;
  const asked = `arrayMap((key, at) -> (key, at, 0), ${wanted}, ${positionsOf(wanted)})`;
  const sorted = `arraySort(arrayConcat(${given}, ${asked}))`;
  const found = `arrayMap((one, last) -> (one.2, if(last.1 = one.1, last.3, 0)), ${sorted}, arrayFill(one -> one.2 = 0, ${sorted}))`;
  return `arrayMap(one -> one.2, arraySort(arrayFilter(one -> one.1 != 0, ${found})))`;
}

/** Follows positions as far as they lead: to 0, to one that leads to itself, or round a ring. */
function follow(positions: string): string {
  // Each step goes twice as far as the one before.
  const steps = `range(toUInt8(ceil(log2(length(${positions}) + 1))))`;
  return `arrayFold((ways, step) -> ${lookUp('ways', positionsOf('ways'), 'ways')}, ${steps}, ${positions})`;
}

function positionsOf(list: string): string {
  return `arrayMap(at -> toUInt64(at), arrayEnumerate(${list}))`;
}
