/** The demo as one request listener: the page, the sources it cites, and `/chatkit`. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { RunLease, Store, StreamLog } from '@chatkit/core';
import { toNodeHandler } from '@chatkit/server/node';
import { setTracingDisabled } from '@openai/agents';
import { DemoConverter } from './agent/cite-passages.ts';
import { createAgent } from './agent/create-agent.ts';
import { createOpenAiModel } from './agent/openai-model.ts';
import { type Visitor, visitorOf } from './anonymous-user.ts';
import { Assistant } from './assistant.ts';
import type { Config } from './config.ts';
import { createFiles } from './files/create-files.ts';
import { createMemoryBox, type FileBox } from './files/file-box.ts';
import { forgetFiles } from './files/forget-files.ts';
import type { PassageIndex } from './knowledge/passage-index.ts';
import { createOfflineModel } from './offline/offline-model.ts';
import { rehearse } from './rehearse.ts';
import { type StaticFiles, securityHeaders } from './static-files.ts';

/** What outlives a request, and where that is in files, the process. */
export interface AppData {
  readonly store: Store<Visitor>;
  readonly log?: StreamLog;
  readonly lease?: RunLease;
  /** Default: in memory. */
  readonly box?: FileBox;
  close?(): Promise<void>;
}

export interface AppOptions {
  readonly config: Config;
  readonly index: PassageIndex;
  readonly data: AppData;
  readonly files: StaticFiles;
  /** Gets one line for each answer, without what was asked. */
  readonly log: (line: string) => void;
}

export interface App {
  /**
   * Resolves when the first question will be answered as fast as the next ones. Without a model only: those cost money.
   */
  warmUp(): Promise<void>;
  readonly handle: (request: IncomingMessage, response: ServerResponse) => Promise<void>;
  /** Ends all runs; resolves when they have kept what they wrote. */
  close(): Promise<void>;
}

/**
 * Room for the longest question that the page lets through, in any script. The time to read one grows faster than its
 * length, and meanwhile nobody else is answered.
 */
const MAX_BODY_BYTES = 32 * 1024;
/** At the end, how long answers may go on before they are stopped. What they wrote is kept. */
const RUN_GRACE_MS = 300;

export const createApp = ({ config, index, data, files, log }: AppOptions): App => {
  // The SDK would send a trace of each run to OpenAI; what is asked here stays between the user and the model.
  setTracingDisabled(true);
  const configured = config.model && createOpenAiModel(config.model);
  const converter = new DemoConverter(index);
  const agent = createAgent({
    index,
    // A model takes its time by itself.
    pauseMs: configured === undefined ? config.thinkMs : 0,
    model: configured?.model ?? createOfflineModel({ index, readMs: config.thinkMs, ...config }),
    modelSettings: configured?.modelSettings,
  });
  const uploads = createFiles({ box: data.box ?? createMemoryBox(), store: data.store });
  const server = new Assistant({
    uploads,
    store: forgetFiles(data.store, uploads),
    log: data.log,
    lease: data.lease,
    // Whoever ends the answer of a process that died does it in the visitor's name.
    contextOf: (userId) => ({ userId }),
    // On a developer's machine any page could point its own name here (DNS rebinding) and spend the model's key.
    allowedHosts: loopback.has(config.host) ? ['localhost', '127.0.0.1', '[::1]'] : undefined,
    maxBodyBytes: MAX_BODY_BYTES,
    agent,
    converter,
    model: configured?.name,
    onEnd: log,
  });
  const chatkit = toNodeHandler(server, { context: (request) => visitors.get(request) as Visitor });
  const visitors = new WeakMap<IncomingMessage, Visitor>();

  const handle = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const path = pathOf(request.url);
    if (path === '/chatkit') {
      visitors.set(request, visitorOf(request, response));
      return chatkit(request, response);
    }
    const fileId = /^\/files\/(atc_[0-9a-f]{24})$/.exec(path ?? '')?.[1];
    if (fileId !== undefined) return uploads.handle(request, response, fileId, visitorOf(request, response));
    if (request.method !== 'GET' && request.method !== 'HEAD') return plain(response, 405, 'Method not allowed');
    if (path === undefined) return plain(response, 400, 'Bad request');
    const source = path.startsWith('/source/') && index.documents.find((each) => `/source/${each.path}` === path);
    if (source) return plain(response, 200, source.text);
    // A conversation's address is the page's too: the page reads the id.
    const page = /^\/t\/[\w-]{1,64}$/.test(path) ? '/' : path;
    if (page === '/') visitorOf(request, response);
    if (await files(request, response, page)) return;
    // Somebody typed it: the page says that nothing is there, and what there is.
    if (request.headers.accept?.includes('text/html') && (await files(request, response, '/', 404))) return;
    return plain(response, 404, 'Not found');
  };
  const warmUp = async (): Promise<void> => {
    if (configured !== undefined) return;
    const model = createOfflineModel({ index, readMs: 0, tokensPerSecond: Number.POSITIVE_INFINITY });
    await rehearse({ agent: createAgent({ index, pauseMs: 0, model }), converter });
  };
  return { handle, warmUp, close: () => server.close({ graceMs: RUN_GRACE_MS }) };
};

const loopback: ReadonlySet<string> = new Set(['localhost', '127.0.0.1', '::1']);

const pathOf = (url: string | undefined): string | undefined => {
  try {
    return decodeURIComponent(new URL(`http://localhost${url ?? '/'}`).pathname);
  } catch {
    return undefined;
  }
};

const plain = (response: ServerResponse, status: number, text: string): void => {
  response.writeHead(status, { ...securityHeaders, 'content-type': 'text/plain; charset=utf-8' }).end(text);
};
