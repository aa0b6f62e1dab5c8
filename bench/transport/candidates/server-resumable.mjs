// The whole path for a client that can resume: with ids, heartbeats and merging for a reader that fell behind
import { startServer } from './_server.mjs';
export const about = '@chatkit/server, the whole path, client that resumes, writeReply on node:http';
export const merges = true;
export const start = (options) => startServer(options, { 'chatkit-client': '1' });
