// The server on Node: `node:http`, Express, Fastify.

export { type NodeHandlerOptions, toNodeHandler } from './to-node-handler.ts';
