/**
 * Lua scripts: sent by their hash, and in full when the server does not know them (the first time, after a restart).
 */
import type { RedisPort } from './redis-client.ts';

/** Runs a script on keys and arguments. */
export type RedisScript = (keys: readonly string[], args: readonly string[]) => Promise<unknown>;

export const createRedisScript = (port: RedisPort, source: string): RedisScript => {
  let hash: string | undefined;
  let hashing = false;
  const call = (how: readonly [string, string], keys: readonly string[], args: readonly string[]) =>
    port.command([...how, String(keys.length), ...keys, ...args]);

  return (keys, args) => {
    if (hash !== undefined) {
      return call(['EVALSHA', hash], keys, args).catch((error) => {
        if (!String(error).includes('NOSCRIPT')) throw error;
        return call(['EVAL', source], keys, args);
      });
    }
    if (!hashing) {
      hashing = true;
      void sha1(source).then((digest) => {
        hash = digest;
      });
    }
    return call(['EVAL', source], keys, args);
  };
};

/** Redis names scripts by SHA-1; nothing here depends on its strength. */
const sha1 = async (text: string): Promise<string> => {
  const digest = await crypto.subtle.digest('SHA-1', new TextEncoder().encode(text));
  return [...new Uint8Array(digest)].map((byte) => byte.toString(16).padStart(2, '0')).join('');
};
