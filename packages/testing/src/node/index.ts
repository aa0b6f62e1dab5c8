// Testing tools that need Node: a proxy that breaks real connections.

export { createFaultProxy, type FaultProxy, type ProxyFaults } from './fault-proxy.ts';
