/** As service.mjs, with require(). */
const { trace } = require('@opentelemetry/api');
const { traceService, withSession } = require('@turnkeeper/instrumentation');

const manifest = require('@turnkeeper/instrumentation/package.json');
const doors = Object.keys(manifest.exports).filter(
  (door) => !['./hook', './register', './package.json'].includes(door),
);
for (const door of doors) require(`@turnkeeper/instrumentation${door.slice(1)}`);

const database = trace.getTracer('database');
const greet = traceService(
  async (name) => database.startActiveSpan('SELECT', (span) => (span.end(), `hello ${name}`)),
  {
    name: 'greeter',
  },
);
void (async () => {
  for (const name of ['you', 'you again']) console.log(await withSession('conv-42', () => greet(name)));
})();
