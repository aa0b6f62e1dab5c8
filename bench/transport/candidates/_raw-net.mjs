// node:net, hand-written HTTP/1.1 head and chunk framing, batched as raw-batch, latin1 when the text is ASCII. The floor in Node.

import { once } from 'node:events';
import net from 'node:net';

const CAP = 32 * 1024;
const HEAD =
  'HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncache-control: no-cache\r\ntransfer-encoding: chunked\r\n\r\n';
const PRE =
  'data: {"type":"thread.item.updated","item_id":"msg_ab12cd34","update":{"type":"assistant_message.content_part.text_delta","content_index":0,"delta":';
const POST = '}}\n\n';
const plain = /^[ !#-[\]-~]*$/;

/** `turnBytes`: after so many in one turn of the event loop a connection lets the others go first (setImmediate). */
export const startRawNet = async ({ source, host }, turnBytes = Infinity) => {
  const server = net.createServer({ noDelay: true }, (sock) => {
    const ac = new AbortController();
    let head = '',
      started = false;
    sock.on('error', () => {});
    sock.on('data', (d) => {
      if (started) return;
      head += d.toString('latin1');
      if (head.includes('\r\n\r\n')) {
        started = true;
        run(head.slice(4, head.indexOf(' ', 4))).catch(() => sock.destroy());
      }
    });
    let turn = 0,
      buf = HEAD,
      ascii = true,
      scheduled = false,
      wake,
      blocked = false,
      first = true;
    const send = (text) => {
      const chunk = first ? text : `${text.length.toString(16)}\r\n${text}\r\n`;
      first = false;
      return sock.write(chunk, 'latin1');
    };
    const sendU = (text) => sock.write(`${Buffer.byteLength(text).toString(16)}\r\n${text}\r\n`, 'utf8');
    const flush = () => {
      scheduled = false;
      if (buf !== '' && !blocked && !sock.destroyed) {
        const b = buf,
          a = ascii;
        buf = '';
        ascii = true;
        if (!(a ? send(b) : sendU(b))) blocked = true;
      }
    };
    sock.on('close', () => {
      ac.abort();
      blocked = false;
      wake?.();
    });
    sock.on('drain', () => {
      blocked = false;
      flush();
      if (!blocked) wake?.();
    });
    async function run(url) {
      flush();
      for await (const ev of source(url, ac.signal)) {
        if (sock.destroyed) break;
        const d = ev.update.delta;
        if (plain.test(d)) buf += `${PRE}"${d}"${POST}`;
        else {
          ascii = false;
          buf += PRE + JSON.stringify(d) + POST;
        }
        if (!scheduled) {
          scheduled = true;
          process.nextTick(flush);
        }
        if (buf.length >= CAP) {
          turn += buf.length;
          flush();
          if (turn >= turnBytes) {
            await new Promise(setImmediate);
            turn = 0;
          }
          if (blocked && !sock.destroyed) {
            await new Promise((r) => (wake = r));
            wake = undefined;
          }
        }
      }
      while (blocked && !sock.destroyed) {
        await new Promise((r) => (wake = r));
        wake = undefined;
      }
      flush();
      sock.end('0\r\n\r\n');
    }
  });
  server.listen(0, host);
  await once(server, 'listening');
  return { port: server.address().port };
};
