// An application, as far as its start goes: says what that took, in milliseconds of processor time.
await import('@openai/agents');
const { user, system } = process.cpuUsage();
console.log((user + system) / 1000);
process.exit();
