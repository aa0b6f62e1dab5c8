/** Compressed bodies: negotiated, readable event by event, held back and let go of like any other. */
import { randomBytes } from 'node:crypto';
import { request } from 'node:http';
import { connect, createServer as createHttp2Server } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { constants, createGunzip, createGzip, gunzipSync } from 'node:zlib';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { decodeSse, encodeSse, eventStreamHeaders, type Reply } from '../src/index.ts';
import { writeReply } from '../src/node/index.ts';
import { acceptsGzip } from '../src/node/negotiate-gzip.ts';
import { deferred, openSocket, serve, still, turns, until } from './support/node-server.ts';

const streamed = (body: AsyncIterable<string>, headers: Record<string, string> = {}): Reply => ({
  status: 200,
  headers: { ...eventStreamHeaders, ...headers },
  body,
});
/** A reply with a single frame. */
const oneFrame = (headers?: Record<string, string>) =>
  streamed(
    (async function* () {
      yield encodeSse({ data: 'é' });
    })(),
    headers,
  );

/** The head and the bytes of an answer, as they came. */
const ask = (url: string, headers: Record<string, string>, method = 'GET') =>
  new Promise<{ headers: Record<string, string | string[] | undefined>; body: Buffer }>((resolve, reject) => {
    request(url, { method, headers }, async (response) => {
      const chunks: Buffer[] = [];
      for await (const chunk of response) chunks.push(chunk);
      resolve({ headers: response.headers, body: Buffer.concat(chunks) });
    })
      .on('error', reject)
      .end();
  });
const gzip = { 'accept-encoding': 'gzip' };

describe('Accept-Encoding', () => {
  it.each([
    ['gzip', true],
    ['x-gzip', true],
    ['GZIP', true],
    ['gzip, deflate, br, zstd', true],
    ['br;q=1.0, gzip;q=0.001', true],
    ['gzip ; Q=0.5', true],
    ['gzip;q=1.', true],
    ['*', true],
    ['br, *;q=0.1', true],
    [' ,gzip,, ', true],
    ['identity;q=0.5, gzip;q=0.5', true],
    [undefined, false],
    ['', false],
    ['br', false],
    ['identity', false],
    ['gzip;q=0', false],
    ['gzip;q=0.000', false],
    ['gzip;q=0, *', false],
    ['*;q=0', false],
    ['identity, gzip;q=0.9', false],
    // Malformed: a weight is at most 1, has at most three decimals and no sign.
    ['gzip;q=2', false],
    ['gzip;q=0.1234', false],
    ['gzip;q=-1', false],
    ['gzip;level=9', false],
    ['gzip br', false],
    ['gzipped', false],
  ] as const)('%o: %o', (header, takes) => {
    expect(acceptsGzip(header)).toBe(takes);
  });
});

describe('what is negotiated', () => {
  it('is gzip for a client that takes it, and `Vary` for everybody', async () => {
    const { url } = await serve((_request, response) => void writeReply(oneFrame(), response, { compress: true }));
    const packed = await ask(url, gzip);
    expect(packed.headers).toMatchObject({ 'content-encoding': 'gzip', vary: 'accept-encoding' });
    expect(packed.headers['cache-control']).toContain('no-transform');
    expect(gunzipSync(packed.body).toString()).toBe('data: é\n\n');
    const plain = await ask(url, {});
    expect([plain.headers['content-encoding'], plain.headers['vary']]).toEqual([undefined, 'accept-encoding']);
    expect(plain.body.toString()).toBe('data: é\n\n');
    const head = await ask(url, gzip, 'HEAD');
    expect([head.headers['content-encoding'], head.body.byteLength]).toEqual(['gzip', 0]);
  });

  it('is nothing unless it was asked for', async () => {
    const { url } = await serve((_request, response) => void writeReply(oneFrame(), response));
    const { headers } = await ask(url, gzip);
    expect([headers['content-encoding'], headers['vary']]).toEqual([undefined, undefined]);
  });

  it.each<[string, Record<string, string>]>([
    ['a coding', { 'content-encoding': 'br' }],
    ['a length', { 'content-length': '10' }],
  ])('leaves a body alone that has %s of its own, in the reply or on the response', async (_what, own) => {
    const { url } = await serve((asked, response) => {
      const isSet = asked.url === '/set';
      if (isSet) for (const [name, value] of Object.entries(own)) response.setHeader(name, value);
      void writeReply(oneFrame(isSet ? {} : own), response, { compress: true });
    });
    for (const path of ['', 'set']) {
      const { headers, body } = await ask(url + path, gzip);
      expect(headers).toMatchObject(own);
      expect(body.toString()).toBe('data: é\n\n');
    }
  });

  it('leaves a text body alone', async () => {
    const { url } = await serve((_request, response) => {
      void writeReply({ status: 200, headers: {}, body: '{}' }, response, { compress: true });
    });
    expect((await ask(url, gzip)).headers['content-encoding']).toBeUndefined();
  });

  it.each([
    ['origin', 'origin, accept-encoding'],
    ['Accept-Encoding, origin', 'Accept-Encoding, origin'],
    ['*', '*'],
  ])('adds to `Vary: %s`', async (vary, expected) => {
    const { url } = await serve((asked, response) => {
      if (asked.url === '/set') response.setHeader('vary', vary);
      void writeReply(oneFrame(asked.url === '/set' ? {} : { vary }), response, { compress: true });
    });
    for (const path of ['', 'set']) expect((await ask(url + path, gzip)).headers['vary']).toBe(expected);
  });
});

describe('a compressed stream', () => {
  it('has every event readable at the other end before the next is made, a heartbeat as well', async () => {
    const seen: string[] = [];
    const { port } = await serve((_request, response) => {
      const body = (async function* () {
        for (let n = 0; n < 50; n++) {
          const frame = n % 10 === 9 ? encodeSse({ comment: '' }) : encodeSse({ id: `1-${n}`, data: `token ${n}` });
          yield frame;
          // Made only once the client has decoded it: a compressor that keeps it back stops the test.
          await until(() => seen.join('').endsWith(frame));
        }
      })();
      void writeReply(streamed(body), response, { compress: true });
    });
    const ended = deferred();
    request({ port, headers: gzip }, (response) => {
      const gunzip = createGunzip({ flush: constants.Z_SYNC_FLUSH });
      response.pipe(gunzip).setEncoding('utf8');
      gunzip.on('data', (text: string) => seen.push(text)).on('end', () => ended.resolve());
    }).end();
    await ended.promise;
    expect(seen.length).toBe(50);
  });

  it('is a fraction of its size, and the same text', async () => {
    const frames = Array.from({ length: 500 }, (_, n) =>
      encodeSse({ id: `1-${n}`, data: JSON.stringify({ type: 'delta', item: 'msg_ab12cd34', text: ` ${n * 7919}` }) }),
    );
    const { url } = await serve((_request, response) => {
      const body = (async function* () {
        for (const frame of frames) {
          yield frame;
          await turns(1);
        }
      })();
      void writeReply(streamed(body), response, { compress: true });
    });
    const { body } = await ask(url, gzip);
    const text = gunzipSync(body).toString();
    expect(text).toBe(frames.join(''));
    expect(body.byteLength).toBeLessThan(text.length / 3);
  });

  it('is held back over HTTP/2 as well', async () => {
    const server = createHttp2Server();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const session = connect(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
    onTestFinished(() => {
      session.destroy();
      server.close();
    });
    let made = 0;
    server.on('request', (_request, response) => {
      const body = (async function* () {
        for (; made < 20_000_000; made += 10_000) {
          yield randomBytes(7_500).toString('base64');
          await turns(1);
        }
      })();
      void writeReply(streamed(body), response as never, { compress: true });
    });
    const stream = session.request({ ':path': '/', ...gzip });
    const headers = await new Promise<Record<string, unknown>>((resolve) => stream.once('response', resolve));
    expect(headers['content-encoding']).toBe('gzip');
    await still(() => made);
    expect(made).toBeLessThan(2_000_000);
    let text = 0;
    for await (const chunk of stream.pipe(createGunzip())) text += (chunk as Buffer).byteLength;
    expect(text).toBe(20_000_000);
  });

  /** The compressors that are made until the end of the test. */
  const compressors = () => {
    const transform = vi.spyOn(Object.getPrototypeOf(createGzip()), '_transform');
    onTestFinished(() => transform.mockRestore());
    return transform;
  };

  it('whose compressor fails is cut, and nothing else', async () => {
    const transform = compressors();
    transform.mockImplementation((...args) => (args[2] as (error: Error) => void)(new Error('out of memory')));
    const written = deferred();
    const { url } = await serve((_request, response) => {
      writeReply(oneFrame(), response, { compress: true }).then(written.resolve, written.resolve);
    });
    await expect(fetch(url, { headers: gzip }).then((response) => response.text())).rejects.toThrow();
    await written.promise;
  });

  it('whose client leaves frees the memory of its compressor', async () => {
    const transform = compressors();
    const written = deferred();
    const { port } = await serve((_request, response) => {
      const body = (async function* () {
        yield encodeSse({ data: 'x' });
        await new Promise(() => {});
      })();
      writeReply(streamed(body), response, { compress: true }).then(written.resolve);
    });
    const socket = await openSocket(port, 'GET / HTTP/1.1\r\nHost: x\r\nAccept-Encoding: gzip\r\n\r\n');
    await new Promise((resolve) => socket.once('data', resolve));
    socket.destroy();
    await written.promise;
    expect(new Set(transform.mock.contexts.map((each) => (each as { destroyed: boolean }).destroyed))).toEqual(
      new Set([true]),
    );
  });

  it('a client that leaves: the owner is told, the source is returned, once', async () => {
    const left = deferred();
    const written = deferred();
    let finallyRuns = 0;
    const { port } = await serve((_request, response) => {
      const body = (async function* () {
        try {
          for (;;) {
            yield encodeSse({ data: 'x' });
            await turns(1);
          }
        } finally {
          finallyRuns++;
        }
      })();
      writeReply(streamed(body), response, { compress: true, onDisconnect: left.resolve }).then(written.resolve);
    });
    const socket = await openSocket(port, 'GET / HTTP/1.1\r\nHost: x\r\nAccept-Encoding: gzip\r\n\r\n');
    await new Promise((resolve) => socket.once('data', resolve));
    socket.destroy();
    await left.promise;
    await written.promise;
    await until(() => finallyRuns > 0);
    expect(finallyRuns).toBe(1);
  });

  it('a body that breaks: what came before is readable, then the stream is cut', async () => {
    const read = deferred();
    const failed = deferred<unknown>();
    const { url } = await serve((_request, response) => {
      const body = (async function* () {
        yield encodeSse({ data: 'a' });
        await read.promise;
        throw new Error('secret');
      })();
      writeReply(streamed(body), response, { compress: true }).catch(failed.resolve);
    });
    const response = await fetch(url, { headers: gzip });
    const frames = decodeSse(response.body as ReadableStream<Uint8Array>);
    expect((await frames.next()).value).toEqual({ data: 'a' });
    read.resolve();
    await expect(frames.next()).rejects.toThrow();
    expect(await failed.promise).toEqual(new Error('secret'));
  });
});
