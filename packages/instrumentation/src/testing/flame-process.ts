/** The stand-in of Flame's frontend as a program of its own: it is given the .proto, and prints where it listens. */
import { startFlame } from '@turnkeeper/model-server/flame';

const { endpoint } = await startFlame({
  proto: process.argv[2] ?? '',
  applications: {
    echo: ({ input }) => (input.includes('#never') ? new Promise<never>(() => {}) : `echo: ${input}`),
  },
});
console.log(endpoint);
