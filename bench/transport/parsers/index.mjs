import { peer } from '../src/peer.mjs';
// One parser candidate = { load() -> async (chunks: Uint8Array[], onEvent: (dataString|object) => void, level) => void, parsesJson }
// level: 'raw' (data strings only) | 'json'. Parsers with parsesJson hand objects at every level.
export const parsers = {};
const rs = (chunks) => {
  let i = 0;
  return new ReadableStream(
    {
      pull(c) {
        if (i < chunks.length) c.enqueue(chunks[i++]);
        else c.close();
      },
    },
    { highWaterMark: 0 },
  );
};

// hand-written: one streaming TextDecoder, indexOf over the decoded text, data-only fast path. The limit.
const indexOfParser = (on) => {
  const dec = new TextDecoder();
  let rest = '';
  return (c) => {
    const t = dec.decode(c, { stream: true });
    let text = rest === '' ? t : rest + t,
      from = 0,
      end;
    // only look for the end in the new part (minus one for a split separator)
    let look = rest.length > 0 ? rest.length - 1 : 0;
    for (end = text.indexOf('\n\n', look); end >= 0; end = text.indexOf('\n\n', look)) {
      on(text.slice(from + 6, end));
      from = look = end + 2;
    }
    rest = from === 0 ? text : text.slice(from);
  };
};
parsers['indexOf (limit)'] = {
  async load() {
    return (chunks, on) => {
      const push = indexOfParser(on);
      for (const c of chunks) push(c);
    };
  },
};
// the same behind what `fetch` gives: whoever reads a response pays for the web stream
parsers['indexOf behind a web stream'] = {
  async load() {
    return async (chunks, on) => {
      const push = indexOfParser(on);
      const reader = rs(chunks).getReader();
      for (let r = await reader.read(); !r.done; r = await reader.read()) push(r.value);
    };
  },
};
// as above, and a learned prefix: while consecutive events differ only in the last string ("delta"), slice it instead of JSON.parse
parsers['indexOf + learned delta prefix'] = {
  parsesJson: true,
  async load() {
    return (chunks, on) => {
      const dec = new TextDecoder();
      let rest = '',
        prefix = '\0',
        proto = null;
      for (const c of chunks) {
        const t = dec.decode(c, { stream: true });
        let text = rest === '' ? t : rest + t,
          from = 0,
          end,
          look = rest.length > 0 ? rest.length - 1 : 0;
        for (end = text.indexOf('\n\n', look); end >= 0; end = text.indexOf('\n\n', look)) {
          const s = from + 6;
          if (text.charCodeAt(end - 3) === 34 && text.slice(s, s + prefix.length) === prefix) {
            // slice + === is twice as fast as startsWith in V8
            const d = text.slice(s + prefix.length, end - 3);
            if (d.indexOf('\\') < 0 && d.indexOf('"') < 0) {
              on({
                type: 'thread.item.updated',
                item_id: proto.item_id,
                update: { type: proto.update.type, content_index: proto.update.content_index, delta: d },
              });
              from = look = end + 2;
              continue;
            }
          }
          const data = text.slice(s, end),
            e = JSON.parse(data);
          if (e.type === 'thread.item.updated' && e.update.type === 'assistant_message.content_part.text_delta') {
            const tail = JSON.stringify(e.update.delta).length + 2; // string + }}
            if (data.endsWith('"}}') && prefix !== data.slice(0, data.length - tail + 1)) {
              prefix = data.slice(0, data.length - tail + 1);
              proto = e;
            }
          }
          on(e);
          from = look = end + 2;
        }
        rest = from === 0 ? text : text.slice(from);
      }
    };
  },
};
// the same on bytes: Buffer.indexOf over the chunk, decode only the payload (node: latin1Slice when ASCII is not provable -> utf8Slice)
parsers['Buffer.indexOf bytes'] = {
  async load() {
    return (chunks, on) => {
      let rest = null;
      for (const c of chunks) {
        let b = Buffer.from(c.buffer, c.byteOffset, c.byteLength);
        if (rest) b = Buffer.concat([rest, b]);
        let from = 0,
          end;
        for (end = b.indexOf('\n\n', from, 'latin1'); end >= 0; end = b.indexOf('\n\n', from, 'latin1')) {
          on(b.utf8Slice(from + 6, end));
          from = end + 2;
        }
        rest = from < b.length ? b.subarray(from) : null;
      }
    };
  },
};
parsers['@chatkit/transport: createSseJsonDecoder'] = {
  parsesJson: true,
  async load() {
    const { createSseJsonDecoder } = await import('@chatkit/transport');
    return (chunks, on) => {
      const decoder = createSseJsonDecoder((frame) => {
        if (frame.value !== undefined) on(frame.value);
      });
      for (const chunk of chunks) decoder.push(chunk);
    };
  },
};
parsers['@chatkit/transport: decodeSseJson (for await)'] = {
  parsesJson: true,
  async load() {
    const { decodeSseJson } = await import('@chatkit/transport');
    return async (chunks, on) => {
      for await (const frame of decodeSseJson(rs(chunks))) if (frame.value !== undefined) on(frame.value);
    };
  },
};
parsers['@chatkit/transport: createSseDecoder'] = {
  async load() {
    const { createSseDecoder } = await import('@chatkit/transport');
    return (chunks, on) => {
      const decoder = createSseDecoder((frame) => {
        if (frame.data !== undefined) on(frame.data);
      });
      for (const chunk of chunks) decoder.push(chunk);
    };
  },
};
for (const [name, pkg] of [
  ['eventsource-parser@3', 'esp3'],
  ['eventsource-parser@4', 'esp4'],
])
  parsers[name] = {
    async load() {
      const { createParser } = await peer(pkg);
      return (chunks, on) => {
        const dec = new TextDecoder();
        const p = createParser({ onEvent: (e) => on(e.data) });
        for (const c of chunks) p.feed(dec.decode(c, { stream: true }));
      };
    },
  };
parsers['eventsource-parser@4 stream'] = {
  async load() {
    const { EventSourceParserStream } = await peer('esp4/stream');
    return async (chunks, on) => {
      for await (const e of rs(chunks).pipeThrough(new TextDecoderStream()).pipeThrough(new EventSourceParserStream()))
        on(e.data);
    };
  },
};
parsers['fetch-event-source'] = {
  async load() {
    const m = await peer('@microsoft/fetch-event-source/lib/cjs/parse.js');
    const { getLines, getMessages } = m.default ?? m;
    return (chunks, on) => {
      const f = getLines(
        getMessages(
          () => {},
          () => {},
          (e) => on(e.data),
        ),
      );
      for (const c of chunks) f(c);
    };
  },
};
parsers['ai@7 parseJsonEventStream'] = {
  parsesJson: true,
  ownSchema: true,
  async load() {
    const { parseJsonEventStream, jsonSchema } = await peer('ai7');
    return async (chunks, on, _level, schema) => {
      for await (const r of parseJsonEventStream({ stream: rs(chunks), schema: schema ?? jsonSchema({}) })) {
        if (!r.success) throw r.error;
        on(r.value);
      }
    };
  },
};
for (const [name, pkg] of [['openai@7 Stream', 'openai7']])
  parsers[name] = {
    parsesJson: true,
    async load() {
      const { Stream } = await peer(`${pkg}/streaming`);
      return async (chunks, on) => {
        for await (const e of Stream.fromSSEResponse(
          { body: rs(chunks), headers: new Headers() },
          new AbortController(),
        ))
          on(e);
      };
    },
  };
