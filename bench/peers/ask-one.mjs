// One question to one toolkit, in a process of its own: node ask-one.mjs <probe> <toolkit>. Prints one line of JSON.
const [probeName, toolkitName] = process.argv.slice(2);
// A peer that leaves a rejection unhandled is not ended by it here; its row says what a user would see.
process.on('unhandledRejection', () => {});
const toolkit = await import(`./toolkits/${toolkitName}.mjs`);
const probe = await import(`./probes/${probeName}.mjs`);
const log = console.log;
for (const method of ['log', 'info', 'warn', 'error', 'debug']) console[method] = () => {};
const has = (part) => (part === 'log' ? toolkit.hasLog === true : part in toolkit);
const result = probe.needs.every(has) ? await probe.run(toolkit) : null;
log(JSON.stringify({ name: toolkit.name, question: probe.question, result }));
process.exit(0);
