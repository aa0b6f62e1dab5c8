// A port that is free must be so when its program listens, which is later, and in the middle of whatever else is tested.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { freePort } from '../../apps/cluster/server/free-port.ts';

const count = 50;

const portsHere = async (): Promise<number[]> => {
  const ports: number[] = [];
  while (ports.length < count) ports.push(await freePort());
  return ports;
};

const portsElsewhere = async (): Promise<number[]> => {
  const file = fileURLToPath(new URL('../../apps/cluster/server/free-port.ts', import.meta.url));
  const code = `import(${JSON.stringify(file)}).then(async ({ freePort }) => {
    const ports = [];
    while (ports.length < ${count}) ports.push(await freePort());
    process.send(ports);
  });`;
  const child = fork('-e', [code], { execArgv: [], stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  const [ports] = await once(child, 'message');
  child.disconnect();
  return ports as number[];
};

test('nobody is given one that somebody else was given, or that the system gives away', async () => {
  const all = (await Promise.all([portsHere(), portsElsewhere(), portsElsewhere()])).flat();
  expect(new Set(all).size).toBe(3 * count);
  for (const port of all) expect(port).toBeLessThan(32_768);
});

test('one that is taken is not given', async () => {
  const port = await freePort();
  const next = createServer().listen(port + 1, '127.0.0.1');
  await once(next, 'listening');
  expect(await freePort()).not.toBe(port + 1);
  next.close();
});
