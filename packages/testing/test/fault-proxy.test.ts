import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createFaultProxy, type FaultProxy } from '@chatkit/testing/node';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

const body = 'x'.repeat(2000);
/** More than the sockets on the way hold. */
const largeBytes = 32 * 1024 * 1024;
let server: Server;
let proxy: FaultProxy;
let closed: Promise<void>;

beforeEach(async () => {
  let hasClosed = () => {};
  closed = new Promise((resolve) => {
    hasClosed = resolve;
  });
  server = createServer((request, response) => {
    response.on('close', hasClosed);
    if (request.url === '/open') response.write('begun');
    else if (request.url === '/large') response.end('x'.repeat(largeBytes));
    else response.end(body);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  proxy = await createFaultProxy({ port: (server.address() as AddressInfo).port });
});
afterEach(async () => {
  await proxy.close();
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

const get = (path = '/') => fetch(`${proxy.url}${path}`, { headers: { connection: 'close' } });

describe('createFaultProxy', () => {
  it('passes bytes on, and closes when a side closes', async () => {
    expect(await (await get()).text()).toBe(body);
    await closed;
    expect(proxy.passedBytes).toBeGreaterThan(body.length);
  });

  it('cuts an answer after so many bytes', async () => {
    proxy.setFaults({ cutAfterBytes: 1000 });
    await expect(get().then((response) => response.text())).rejects.toThrow();
    expect(proxy.passedBytes).toBe(1000);
    proxy.setFaults({ cutAfterBytes: 1000, reset: true });
    await expect(get().then((response) => response.text())).rejects.toThrow();
    proxy.setFaults({ refuse: true });
    await expect(get()).rejects.toThrow();
    proxy.setFaults({ latencyMs: 5 });
    expect(await (await get()).text()).toBe(body);
  });

  it('holds the server back for a slow reader, with one listener however many chunks are late', async () => {
    const warnings: string[] = [];
    const onWarning = ({ name }: Error) => void warnings.push(name);
    process.on('warning', onWarning);
    proxy.setFaults({ latencyMs: 20 });
    const response = await get('/large');
    await expect.poll(() => proxy.passedBytes, { timeout: 30_000 }).toBeGreaterThan(1024 * 1024);
    expect((await response.arrayBuffer()).byteLength).toBe(largeBytes);
    process.off('warning', onWarning);
    expect(warnings).toEqual([]);
  });

  it('cuts what is open, and the server sees it', async () => {
    const response = await get('/open');
    const reading = response.text();
    proxy.cutAll({ reset: true });
    await expect(reading).rejects.toThrow();
    await closed;
    expect(proxy.connections).toBe(0);
  });

  it('goes silent while connections stay open', async () => {
    const response = await get('/open');
    const reader = (response.body as ReadableStream<Uint8Array>).getReader();
    await reader.read();
    proxy.blackhole(true);
    await reader.cancel();
    let noticed = false;
    void closed.then(() => {
      noticed = true;
    });
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(noticed).toBe(false);
    expect(proxy.connections).toBeGreaterThan(0);
  });
});
