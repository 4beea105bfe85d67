import { ATTR_TURNKEEPER_LINK_KIND, LINK_KIND_PREVIOUS_TURN } from '@turnkeeper/instrumentation/semconv';
import { quote, type Rule } from '../rule.ts';

/** Of a conversation all turns are kept, or none. */
export const sampledWhole: Rule = {
  id: 'sampled-whole',
  severity: 'warn',
  basis: 'policy',
  asserts:
    "A session's turns are all kept or all dropped: no link to the turn before leads to a trace that the input lacks.",
  why: 'A conversation with holes cannot be followed; its tokens and turns are counted too low.',
  fix: 'Sample with SessionSampler, which keeps or drops whole conversations; and give all files of the time in question.',
  *judge(index) {
    for (const { root, session } of index.runs) {
      const absent = root.links.find(
        (link) =>
          link.attributes[ATTR_TURNKEEPER_LINK_KIND] === LINK_KIND_PREVIOUS_TURN && !index.traces.has(link.traceId),
      );
      if (absent === undefined) continue;
      const of = session === undefined ? '' : ` of session ${quote(session)}`;
      yield {
        at: root,
        what: `The turn before ${quote(root.name)}${of} is in trace ${absent.traceId}, which the input lacks.`,
      };
    }
  },
};
