import type { IncomingMessage, ServerResponse } from 'node:http';
import { connect, createServer as createServer2 } from 'node:http2';
import type { AddressInfo } from 'node:net';

import fc from 'fast-check';
import { describe, expect, it, onTestFinished } from 'vitest';
import { eventStreamHeaders } from '../src/index.ts';
import { writeReply } from '../src/node/index.ts';
import { deferred, openSocket, serve, stopTime, turns } from './support/node-server.ts';

/** The whole answer, byte for byte, as a client of HTTP/1.x gets it. */
const answer = async (port: number, request: string): Promise<string> => {
  const socket = await openSocket(port, request);
  let text = '';
  socket.setEncoding('latin1').on('data', (chunk) => {
    text += chunk;
  });
  await new Promise((resolve) => socket.once('end', resolve));
  return text;
};
const body = async function* (chunks: readonly string[]) {
  for (const chunk of chunks) {
    yield chunk;
    await turns(1);
  }
};
const get = 'GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n';
const withoutDate = (text: string) => text.replace(/\r\nDate: [^\r]*/, '');
const reply = (chunks: readonly string[]) => ({ status: 200, headers: { ...eventStreamHeaders }, body: body(chunks) });

describe('the framed writer', () => {
  it('puts the same bytes on the wire as response.write', async () => {
    let chunks: readonly string[] = [];
    const ours = await serve((_request, response) => void writeReply(reply(chunks), response));
    const plain = await serve(async (_request, response) => {
      response.writeHead(200, { ...eventStreamHeaders });
      for await (const chunk of body(chunks)) response.write(chunk);
      response.end();
    });
    const text = fc.string({
      unit: fc.constantFrom('a', '\r\n', '0\r\n\r\n', 'é', '東', '😀', '\u0000', '\u00ff'),
      minLength: 1,
      maxLength: 40,
    });
    await fc.assert(
      fc.asyncProperty(fc.array(text, { minLength: 1, maxLength: 6 }), async (made) => {
        chunks = made;
        expect(withoutDate(await answer(ours.port, get))).toBe(withoutDate(await answer(plain.port, get)));
      }),
      { numRuns: 30 },
    );
  });

  it('writes what is ready in one turn as one chunk, and what comes alone as one of its own', async () => {
    stopTime();
    const { port } = await serve((_request, response) => {
      const events = async function* () {
        for (let n = 0; n < 10; n++) yield `${n}`;
        await turns(1);
        yield 'x';
        await turns(1);
        for (let n = 0; n < 10; n++) yield `${n}`;
      };
      void writeReply({ status: 200, headers: {}, body: events() }, response);
    });
    const [, ...rest] = (await answer(port, get)).split('\r\n\r\n');
    expect(rest.join('\r\n\r\n')).toBe('a\r\n0123456789\r\n1\r\nx\r\na\r\n0123456789\r\n0\r\n\r\n');
  });

  const counted = async (
    chunks: readonly string[],
    prepare: (response: ServerResponse, request: IncomingMessage) => void,
    request = get,
  ) => {
    let throughResponse = 0;
    const { port } = await serve((incoming, response) => {
      prepare(response, incoming);
      const { write } = response;
      if (Object.hasOwn(response, 'write'))
        response.write = function (this: ServerResponse, ...args: unknown[]) {
          throughResponse++;
          return (write as (...all: unknown[]) => boolean).apply(this, args);
        } as never;
      void writeReply(reply(chunks), response);
    });
    return { text: await answer(port, request), throughResponse };
  };

  it('leaves everything to a response whose write a middleware has wrapped', async () => {
    const { text, throughResponse } = await counted(['a', 'b', 'c'], (response) => {
      const { write } = response;
      response.write = ((chunk: string) => write.call(response, chunk.toUpperCase(), 'utf8')) as never;
    });
    expect(throughResponse).toBe(3);
    expect(text.split('\r\n\r\n').slice(1).join('\r\n\r\n')).toBe('1\r\nA\r\n1\r\nB\r\n1\r\nC\r\n0\r\n\r\n');
  });

  it('asks a compressing middleware to let every write go', async () => {
    let flushes = 0;
    await counted(['a', 'b', 'c'], (response) => {
      const { write } = response;
      response.write = ((chunk: string) => write.call(response, chunk, 'utf8')) as never;
      Object.assign(response, { flush: () => flushes++ });
    });
    expect(flushes).toBe(3);
  });

  it('writes no chunks for HTTP/1.0, nor where the length is known', async () => {
    const old = await counted(['a', 'b', 'c'], () => {}, 'GET / HTTP/1.0\r\n\r\n');
    expect(old.text.endsWith('\r\n\r\nabc')).toBe(true);
    const { port } = await serve((_request, response) => {
      void writeReply({ status: 200, headers: { 'content-length': '3' }, body: body(['a', 'b', 'c']) }, response);
    });
    expect((await answer(port, get)).endsWith('\r\n\r\nabc')).toBe(true);
  });

  it('writes no chunks past what a corked response holds', async () => {
    const { text } = await counted([...'abcdef'], (response) => {
      response.cork();
      void turns(2).then(() => response.uncork());
    });
    const [head, ...chunks] = text.split('\r\n\r\n');
    expect(head).toMatch(/^HTTP/);
    expect(chunks.join('\r\n\r\n').replace(/[\da-f]+\r\n(.*)\r\n/g, '$1')).toBe('abcdef');
  });

  it('keeps pipelined responses apart', async () => {
    let count = 0;
    const { port } = await serve(
      (_request, response) => void writeReply(reply([`a${++count}`, 'b', `c${count}`]), response),
    );
    const text = await answer(port, `GET / HTTP/1.1\r\nHost: x\r\n\r\n${get}`);
    const bodies = text
      .split(/HTTP\/1\.1 200 OK\r\n/)
      .slice(1)
      .map((one) => one.slice(one.indexOf('\r\n\r\n') + 4));
    expect(bodies).toEqual(['2\r\na1\r\n1\r\nb\r\n2\r\nc1\r\n0\r\n\r\n', '2\r\na2\r\n1\r\nb\r\n2\r\nc2\r\n0\r\n\r\n']);
  });

  it('leaves a connection in order for the next request', async () => {
    const { url } = await serve((_request, response) => void writeReply(reply(['a', 'é', 'c']), response));
    for (let n = 0; n < 3; n++) expect(await (await fetch(url)).text()).toBe('aéc');
  });
});

describe('over HTTP/2', () => {
  const open = async (answer: (path: string) => AsyncIterable<string>) => {
    const failures: unknown[] = [];
    const server = createServer2((request, response) => {
      const answered = { status: 200, headers: {}, body: answer(request.url) };
      writeReply(answered, response as never).catch((error) => failures.push(error));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const client = connect(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
    onTestFinished(() => {
      client.destroy();
      server.close();
    });
    const read = async (path: string) => {
      let text = '';
      try {
        for await (const chunk of client.request({ ':path': path }).setEncoding('utf8')) text += chunk;
        return { text, end: 'clean' };
      } catch {
        return { text, end: 'cut' };
      }
    };
    return { read, failures };
  };

  it('writes a body', async () => {
    const { read } = await open(() => body(['a', 'é', 'c']));
    expect(await read('/')).toEqual({ text: 'aéc', end: 'clean' });
  });

  it('cuts the stream of a body that breaks, behind what came before, and no other', async () => {
    const cut = deferred();
    const { read, failures } = await open(async function* (path) {
      yield path.repeat(50_000);
      if (path === '/broken') throw new Error('secret');
      await cut.promise;
      yield 'last';
    });
    const other = read('/whole');
    expect(await read('/broken')).toEqual({ text: '/broken'.repeat(50_000), end: 'cut' });
    expect(failures).toEqual([new Error('secret')]);
    cut.resolve();
    expect(await other).toEqual({ text: `${'/whole'.repeat(50_000)}last`, end: 'clean' });
  });
});
