/** Writes a log record in a session, through the API that the SDK’s own copy of it is. */
import { createRequire } from 'node:module';
import { withSession } from '@turnkeeper/instrumentation';

const require = createRequire(createRequire(import.meta.url).resolve('@opentelemetry/sdk-node'));
// In the newer line the API has them itself.
const { logs = require('@opentelemetry/api-logs').logs } = require('@opentelemetry/api');
withSession({ sessionId: 'conv-42', userId: 'u-7' }, () => logs.getLogger('app').emit({ body: 'a line' }));
