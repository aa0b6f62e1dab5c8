/**
 * Checks a server's options when the server is made. Without it a mistake would surface at the first request, as a 500
 * far from its cause, or not at all. Each mistake is a `TypeError` that says what was given and what to write instead.
 */
import type { ChatKitServerOptions } from './chatkit-server.ts';
import { describeValue } from './describe-value.ts';
import type { Deadlines } from './settings.ts';

/** Throws for a value that the option of this name cannot have. The value is not `undefined`. */
type Check = (name: string, value: unknown) => void;
type Checks = Readonly<Record<string, Check>>;

/** Throws for a store that is not one, and for values that nobody can have meant. */
export const assertOptions = (options: object | undefined): void => {
  checks.store('store', options && Reflect.get(options, 'store'));
  assertValues(options ?? {}, checks);
};

/**
 * Throws for a hook that is not a function, and for a name that is neither that of an option nor of a hook. Not for a
 * class: what a subclass is given may be its own.
 */
export const assertHooks = (options: object, hooks: readonly string[]): void => {
  assertNames(options, [...Object.keys(checks), ...hooks]);
  assertValues(options, Object.fromEntries(hooks.map((name) => [name, aFunction])));
};

const assertValues = (options: object, known: Checks, prefix = ''): void => {
  for (const [name, check] of Object.entries(known)) {
    const value: unknown = Reflect.get(options, name);
    if (value !== undefined) check(prefix + name, value);
  }
};

const assertNames = (options: object, known: readonly string[], prefix = ''): void => {
  for (const name of Object.keys(options)) {
    if (known.includes(name)) continue;
    const nearest = known.toSorted((a, b) => likeness(name, b) - likeness(name, a))[0] ?? '';
    const advice = likeness(name, nearest) < 0.4 ? `There are ${known.join(', ')}.` : `Did you mean ${nearest}?`;
    fail(`${prefix}${name} is not an option. ${advice}`);
  }
};

/** How alike two names are, from 0 to 1: the share of the pairs of neighbouring letters that they have in common. */
const likeness = (a: string, b: string): number => {
  const [left, right] = [pairsOf(a), pairsOf(b)];
  return (2 * [...left].filter((pair) => right.has(pair)).length) / (left.size + right.size);
};

const pairsOf = (name: string): ReadonlySet<string> =>
  new Set(Array.from(name.toLowerCase(), (letter, at) => letter + name.toLowerCase().charAt(at + 1)));

const oneOf =
  (...values: readonly string[]): Check =>
  (name, value) => {
    if (values.includes(value as string)) return;
    const quoted = values.map((each) => `'${each}'`);
    fail(`${name} must be ${quoted.slice(0, -1).join(', ')} or ${quoted.at(-1)}, not ${describeValue(value)}.`);
  };

const anAmount: Check = (name, value) => {
  if (typeof value !== 'number' || !(value >= 0)) fail(`${name} must be a number, not ${describeValue(value)}.`);
};

const aFunction: Check = (name, value) => {
  if (typeof value !== 'function') fail(`${name} must be a function, not ${describeValue(value)}.`);
};

const hasMethods = (value: unknown, methods: readonly string[]): boolean =>
  typeof value === 'object' &&
  value !== null &&
  methods.every((name) => typeof Reflect.get(value, name) === 'function');

/** What is usual instead of a thing: the function that makes it, or a promise of it. */
const adviceFor = (value: unknown, call: string, otherwise: string): string =>
  typeof value === 'function' ? `Call it: \`${call}\`.` : value instanceof Promise ? 'Await it first.' : otherwise;

const withMethods =
  (...methods: readonly string[]): Check =>
  (name, value) => {
    if (hasMethods(value, methods)) return;
    const advice = adviceFor(value, `${name}: …()`, '');
    fail(
      `${name} must be an object with the methods ${methods.join(', ')}, not ${describeValue(value)}. ${advice}`.trimEnd(),
    );
  };

const withKeys =
  (known: Checks): Check =>
  (name, value) => {
    const names = Object.keys(known);
    if (typeof value !== 'object' || value === null)
      return fail(`${name} must be an object with the keys ${names.join(', ')}, not ${describeValue(value)}.`);
    assertNames(value, names, `${name}.`);
    assertValues(value, known, `${name}.`);
  };

const aStore: Check = (name, value) => {
  if (hasMethods(value, ['loadThread', 'saveThread', 'saveItem', 'transaction'])) return;
  const made = 'store: createMemoryStore()';
  const advice = adviceFor(value, made, `For a start: \`${made}\` of @chatkit/store/memory.`);
  fail(`${name} must be a store, not ${describeValue(value)}. ${advice}`);
};

const aPolicy: Check = (name, value) => {
  if (value === 'cancel' || value === 'continue') return;
  if (typeof value !== 'object' || value === null || !('graceMs' in value))
    return fail(`${name} must be 'cancel', 'continue' or { graceMs }, not ${describeValue(value)}.`);
  anAmount(`${name}.graceMs`, value.graceMs);
};

const listOf =
  (check: Check): Check =>
  (name, value) => {
    if (!Array.isArray(value)) return fail(`${name} must be a list, for example ['…'], not ${describeValue(value)}.`);
    for (const each of value) check(name, each);
  };

/** Origins are compared with the browser's header as strings, so any other spelling would never match. */
const anOrigin: Check = (name, origin) => {
  if (typeof origin === 'string' && (origin === 'null' || originOf(origin) === origin)) return;
  const advice =
    origin === '*'
      ? 'There is no wildcard: list the origins.'
      : "Write it as browsers do: scheme, host and port if there is one, 'https://app.example', without a trailing slash.";
  fail(`${name} has ${describeValue(origin)}, which is not an origin. ${advice}`);
};

const originOf = (text: string): string | undefined => {
  const url = URL.parse(text);
  // By the URL standard the schemes of apps and extensions (`capacitor://localhost`) have an opaque origin, yet their
  // pages send scheme and host.
  return url?.origin === 'null' ? /^[a-z][a-z\d+.-]*:\/\/[^/?#]+/.exec(text)?.[0] : url?.origin;
};

const aHostName: Check = (name, host) => {
  if (typeof host === 'string' && URL.parse(`http://${host}`)?.hostname === host) return;
  fail(`${name} has ${describeValue(host)}, which is not a host name. Write it without scheme and port: 'localhost'.`);
};

const aHeartbeat: Check = (name, value) => {
  anAmount(name, value);
  // It would be sent again and again without a pause.
  if (value === 0) fail(`${name} must be more than 0. Write \`Infinity\` for none.`);
};

const fail = (message: string): never => {
  throw new TypeError(message);
};

const checks = {
  store: aStore,
  attachmentStore: withMethods('createAttachment', 'deleteAttachment'),
  log: withMethods('create', 'append', 'read', 'delete'),
  lease: withMethods('acquire', 'renew', 'release', 'find', 'reap'),
  userOf: aFunction,
  contextOf: aFunction,
  busy: oneOf('interrupt', 'queue', 'reject'),
  disconnect: withKeys({ plain: aPolicy, resumable: aPolicy }),
  deadlines: withKeys({
    firstEventMs: anAmount,
    idleMs: anAmount,
    totalMs: anAmount,
    callMs: anAmount,
  } satisfies Record<keyof Deadlines, Check>),
  maxRunsPerUser: anAmount,
  cancelGraceMs: anAmount,
  partialOnError: oneOf('keep', 'remove'),
  heartbeatMs: aHeartbeat,
  plainHeartbeatMs: aHeartbeat,
  retryMs: anAmount,
  maxConnectionMs: anAmount,
  maxBodyBytes: anAmount,
  maxEventBytes: anAmount,
  maxDepth: anAmount,
  allowedOrigins: listOf(anOrigin),
  allowedHosts: listOf(aHostName),
  retain: withKeys({ runs: anAmount, ms: anAmount }),
  onError: aFunction,
  onRun: aFunction,
  clock: withMethods('now', 'setTimeout', 'clearTimeout'),
  now: aFunction,
} satisfies Record<keyof ChatKitServerOptions<unknown>, Check>;
