// The server on Node: `node:http`, `node:http2`, Express, Fastify.

export { type NodeHandlerOptions, type NodeRequest, toNodeHandler } from './to-node-handler.ts';
