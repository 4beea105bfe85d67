/** The version of this package; a test holds it equal to package.json. */
export const VERSION = '0.1.0';

/** The instrumentation scope that the spans name. */
export const SCOPE_NAME = '@turnkeeper/instrumentation';
