/**
 * Serves the built page. The files are listed once at start, and a request is looked up in that list: a path that is
 * not in it does not exist, whatever it is made of.
 */
import { createReadStream } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { extname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';

const types: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.json': 'application/json; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.ico': 'image/x-icon',
  '.webmanifest': 'application/manifest+json',
  '.txt': 'text/plain; charset=utf-8',
};

/** Nothing from elsewhere, nothing inline; the page cannot be framed. */
const contentSecurityPolicy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data: blob:",
  "connect-src 'self'",
  "manifest-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

export const securityHeaders: Readonly<Record<string, string>> = {
  'content-security-policy': contentSecurityPolicy,
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
};

interface StaticFile {
  readonly path: string;
  readonly size: number;
  readonly etag: string;
}

/**
 * Answers GET and HEAD for the page, with the status 200 unless told another; `false` when it has nothing at that path.
 */
export type StaticFiles = (
  request: IncomingMessage,
  response: ServerResponse,
  path: string,
  status?: number,
) => Promise<boolean>;

/** Lists the files under `root`. `root` may be missing: then nothing is served. */
export const createStaticFiles = async (root: string): Promise<StaticFiles> => {
  const files = new Map<string, StaticFile>();
  const entries = await readdir(root, { recursive: true, withFileTypes: true }).catch(() => []);
  for (const entry of entries) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    const { size, mtimeMs } = await stat(path);
    const url = path.slice(root.length).replaceAll('\\', '/');
    files.set(url, { path, size, etag: `"${size.toString(36)}-${Math.floor(mtimeMs).toString(36)}"` });
  }
  return async (request, response, path, status = 200) => {
    const url = path === '/' ? '/index.html' : path;
    const file = files.get(url);
    if (file === undefined) return false;
    const headers = {
      ...securityHeaders,
      'content-type': types[extname(url)] ?? 'application/octet-stream',
      // The names of assets hold a hash of their content.
      'cache-control': url.startsWith('/assets/') ? 'public, max-age=31536000, immutable' : 'no-cache',
      etag: file.etag,
    };
    if (status === 200 && request.headers['if-none-match'] === file.etag) {
      response.writeHead(304, headers).end();
      return true;
    }
    response.writeHead(status, { ...headers, 'content-length': file.size });
    if (request.method === 'HEAD') response.end();
    else await pipeline(createReadStream(file.path), response).catch(() => response.destroy());
    return true;
  };
};
