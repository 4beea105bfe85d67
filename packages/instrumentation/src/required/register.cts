/** `node --require @turnkeeper/instrumentation/register app.js`. */

// Node requires it in the thread of an asynchronous module hook too: nobody works there, and an ES module may break it.
if (!require('node:worker_threads').isInternalThread) require('./register.js');
