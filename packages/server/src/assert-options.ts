/**
 * Checks a server's options when the server is made. Without it a mistake would surface at the first request, as a 500
 * far from its cause. Each mistake is a `TypeError` that says what was given and what to write instead.
 */
import { describeValue } from './describe-value.ts';
import type { SettingsOptions } from './settings.ts';

/**
 * The options that are checked. `unknown`, because types may have been cast away, or the caller may write JavaScript.
 */
export interface CheckedOptions extends SettingsOptions {
  store?: unknown;
}

/** Throws for a store that is not one, and for settings that nobody can have meant. */
export const assertOptions = (options: CheckedOptions): void => {
  assertStore(options.store);
  const { busy = 'interrupt', allowedOrigins = [], allowedHosts = [], deadlines = {} } = options;
  if (!busyPolicies.includes(busy)) fail(`busy must be 'interrupt', 'queue' or 'reject', not ${describeValue(busy)}.`);
  for (const origin of listOf('allowedOrigins', allowedOrigins)) assertOriginName(origin);
  for (const host of listOf('allowedHosts', allowedHosts)) assertHostName(host);
  for (const name of amounts) assertAmount(name, options[name]);
  for (const name of deadlineNames) assertAmount(`deadlines.${name}`, deadlines[name]);
};

const busyPolicies: readonly string[] = ['interrupt', 'queue', 'reject'];

const amounts = [
  'maxRunsPerUser',
  'cancelGraceMs',
  'heartbeatMs',
  'retryMs',
  'maxConnectionMs',
  'maxBodyBytes',
  'maxEventBytes',
  'maxDepth',
] as const satisfies readonly (keyof SettingsOptions)[];

const deadlineNames = ['firstEventMs', 'idleMs', 'totalMs', 'callMs'] as const;

const assertStore = (store: unknown): void => {
  const methods = ['loadThread', 'saveThread', 'saveItem', 'transaction'];
  if (
    typeof store === 'object' &&
    store !== null &&
    methods.every((name) => typeof Reflect.get(store, name) === 'function')
  ) {
    return;
  }
  const advice =
    typeof store === 'function'
      ? 'Call it: `store: createMemoryStore()`.'
      : store instanceof Promise
        ? 'Await it first.'
        : 'For a start: `store: createMemoryStore()` of @chatkit/store/memory.';
  fail(`store must be a store, not ${describeValue(store)}. ${advice}`);
};

const listOf = (name: string, value: unknown): readonly unknown[] =>
  Array.isArray(value) ? value : fail(`${name} must be a list, for example ['…'], not ${describeValue(value)}.`);

/** Origins are compared with the browser's header as strings, so any other spelling would never match. */
const assertOriginName = (origin: unknown): void => {
  if (typeof origin === 'string' && (origin === 'null' || originOf(origin) === origin)) return;
  const advice =
    origin === '*'
      ? 'There is no wildcard: list the origins.'
      : "Write it as browsers do: scheme, host and port if there is one, 'https://app.example', without a trailing slash.";
  fail(`allowedOrigins has ${describeValue(origin)}, which is not an origin. ${advice}`);
};

const originOf = (text: string): string | undefined => {
  const url = URL.parse(text);
  // By the URL standard the schemes of apps and extensions (`capacitor://localhost`) have an opaque origin, yet their
  // pages send scheme and host.
  return url?.origin === 'null' ? /^[a-z][a-z\d+.-]*:\/\/[^/?#]+/.exec(text)?.[0] : url?.origin;
};

const assertHostName = (host: unknown): void => {
  if (typeof host === 'string' && URL.parse(`http://${host}`)?.hostname === host) return;
  fail(
    `allowedHosts has ${describeValue(host)}, which is not a host name. Write it without scheme and port: 'localhost'.`,
  );
};

const assertAmount = (name: string, value: unknown): void => {
  if (value === undefined || (typeof value === 'number' && value >= 0)) return;
  fail(`${name} must be a number, not ${describeValue(value)}.`);
};

const fail = (message: string): never => {
  throw new TypeError(message);
};
