/**
 * Checks a client's options when the client is made. Without it a misspelt one would have no effect, a duration that is
 * not a number would make a wait that never ends, and a clock that is none would be an uncaught error of another
 * moment.
 */
import type { ChatClientOptions } from './chat-client.ts';
import { defaultPolicy, type PolicyOptions } from './connection-policy.ts';
import { must, mustBe } from './must.ts';

/** What each option is, if it is checked. An object, so that none can be forgotten. */
const kinds: Record<keyof ChatClientOptions, string> = {
  url: '',
  fetch: 'a function',
  headers: '',
  credentials: '',
  extensions: 'a boolean',
  onClientTool: 'a function',
  clientToolTimeoutMs: 'a number',
  onEffect: 'a function',
  uploads: 'an object',
  uploadFetch: 'a function',
  requestTimeoutMs: 'a number',
  connection: 'an object',
  scheduler: 'a function',
  clock: '{ now, setTimeout, clearTimeout }',
  random: 'a function',
  page: '{ listen }',
};

/** Returns the policy of the connection: the defaults, and what is set. Throws a `TypeError` that names the mistake. */
export const assertOptions = (options: ChatClientOptions): PolicyOptions => {
  must(options?.url, "The client needs the url of a server, such as '/chatkit'");
  assertAll(options, kinds, '');
  const set = assertAll(options.connection ?? {}, defaultPolicy, 'connection.');
  return { ...defaultPolicy, ...Object.fromEntries(set) };
};

/** `known`: the kinds of what may be given, or numbers where it is numbers. Returns what is set. */
const assertAll = (given: object, known: object, prefix: string): [string, unknown][] => {
  const names = Object.keys(known);
  return Object.entries(given).filter(([name, value]) => {
    const kind: unknown = known[name as never];
    must(names.includes(name), `${prefix}${name} is not an option. There are ${names.join(', ')}`);
    if (value !== undefined && kind) mustBe(typeof kind === 'string' ? kind : 'a number', prefix + name, value);
    return value !== undefined;
  });
};
