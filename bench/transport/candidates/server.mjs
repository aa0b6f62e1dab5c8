// The whole path: respond() → reducer → store → log → writeReply, for a client without extensions (the reference's bytes)
import { startServer } from './_server.mjs';
export const about = '@chatkit/server, the whole path, plain client, writeReply on node:http';
export const start = (options) => startServer(options, {});
