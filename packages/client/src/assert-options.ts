/**
 * Checks a client's options when the client is made. Without it a misspelt one would have no effect, and a duration
 * that is not a number would make a wait that never ends. Types of other values are left to TypeScript, for their size.
 */
import type { ChatClientOptions } from './chat-client.ts';
import { defaultPolicy, type PolicyOptions } from './connection-policy.ts';

/** An object, so that none can be forgotten. */
const names = Object.keys({
  url: 0,
  fetch: 0,
  headers: 0,
  credentials: 0,
  extensions: 0,
  onClientTool: 0,
  clientToolTimeoutMs: 0,
  onEffect: 0,
  uploads: 0,
  uploadFetch: 0,
  requestTimeoutMs: 0,
  connection: 0,
  scheduler: 0,
  clock: 0,
  random: 0,
  page: 0,
} satisfies Record<keyof ChatClientOptions, 0>);

/** Returns the policy of the connection: the defaults, and what is set. Throws a `TypeError` that names the mistake. */
export const assertOptions = (options: ChatClientOptions): PolicyOptions => {
  if (!options?.url) throw new TypeError("The client needs the url of a server, such as '/chatkit'.");
  assertNames(options, names, '');
  assertNames(options.connection ?? {}, Object.keys(defaultPolicy), 'connection.');
  const set = Object.entries(options.connection ?? {}).filter(([, value]) => value !== undefined);
  for (const [name, value] of set) {
    // True for `NaN` as well.
    if (Number(value) !== value) throw new TypeError(`connection.${name} must be a number.`);
  }
  return { ...defaultPolicy, ...Object.fromEntries(set) };
};

const assertNames = (given: object, known: readonly string[], prefix: string): void => {
  for (const name of Object.keys(given))
    if (!known.includes(name)) throw new TypeError(`${prefix}${name} is not an option. There are ${known.join(', ')}.`);
};
