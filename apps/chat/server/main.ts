/** `npm start`: builds the index, opens the store, listens, and ends in order on SIGINT and SIGTERM. */
import { mkdir } from 'node:fs/promises';
import { createServer } from 'node:http';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createMemoryStore } from '@chatkit/store/memory';
import { createSqliteLease, createSqliteLog, createSqliteStore } from '@chatkit/store/sqlite';
import { readConfig } from './config.ts';
import { type AppData, createApp } from './create-app.ts';
import { createFolderBox } from './files/file-box.ts';
import { createPassageIndex } from './knowledge/passage-index.ts';
import { readDocuments } from './knowledge/read-documents.ts';
import { createStaticFiles } from './static-files.ts';

/** How long open connections may take to end before they are cut. */
const CLOSE_GRACE_MS = 2_000;

const app = dirname(dirname(fileURLToPath(import.meta.url)));
const root = dirname(dirname(app));

const fail = (message: string): never => {
  console.error(message);
  process.exit(1);
};

const config = (() => {
  try {
    return readConfig(process.env, root);
  } catch (error) {
    return fail(error instanceof Error ? error.message : String(error));
  }
})();

/** In files, so is what an answer in progress has said: a process that is killed loses at most its last moment. */
const openData = async (): Promise<AppData> => {
  if (config.database === ':memory:') return { store: createMemoryStore() };
  await mkdir(dirname(config.database), { recursive: true });
  const path = `${config.database}-runs`;
  const box = createFolderBox(`${config.database}-files`);
  const store = createSqliteStore({ path: config.database });
  const log = createSqliteLog({ path });
  const lease = createSqliteLease({ path });
  return {
    store,
    log,
    lease,
    box,
    close: async () => void (await Promise.all([store.close(), log.close(), lease.close()])),
  };
};

const index = createPassageIndex(await readDocuments(config.documents));
const data = await openData();
const files = await createStaticFiles(join(app, 'dist'));
const chat = createApp({ config, index, data, files, log: (line) => console.log(line) });
await chat.warmUp();
const http = createServer((request, response) => {
  chat.handle(request, response).catch((error: unknown) => {
    console.error(error);
    if (response.headersSent) response.destroy();
    else response.writeHead(500, { 'content-type': 'text/plain; charset=utf-8' }).end('Internal error');
  });
});

http.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EADDRINUSE')
    fail(`Port ${config.port} is taken. Stop what runs there, or choose another: PORT=${config.port + 1} npm start`);
  fail(error.message);
});

http.listen(config.port, config.host, () => {
  const address = http.address();
  const port = typeof address === 'object' && address !== null ? address.port : config.port;
  const host = ['127.0.0.1', '::1', '0.0.0.0', '::'].includes(config.host) ? 'localhost' : config.host;
  const answers = config.model ? `${config.model.name} answers` : 'answers without a model';
  console.log(`ChatKit demo: http://${host}:${port}  (${index.size} passages, ${answers})`);
});

let closing = false;
const close = async () => {
  if (closing) process.exit(1);
  closing = true;
  http.close();
  http.closeIdleConnections();
  setTimeout(() => http.closeAllConnections(), CLOSE_GRACE_MS).unref();
  await chat.close();
  http.closeIdleConnections();
  await data.close?.();
};
process.on('SIGINT', () => void close());
process.on('SIGTERM', () => void close());
