/**
 * Lua scripts: sent by their hash, and in full when the server does not know them (the first time, after a restart).
 */
import { ChatKitError } from '@chatkit/core';
import type { RedisPort } from './redis-client.ts';

/** Runs a script on keys and arguments. */
export type RedisScript = (keys: readonly string[], args: readonly string[]) => Promise<unknown>;

export const createRedisScript = (
  { command }: { readonly command: RedisPort['command'] },
  source: string,
): RedisScript => {
  let hash: string | undefined;
  let hashing = false;
  const call = (how: readonly [string, string], keys: readonly string[], args: readonly string[]) =>
    command([...how, String(keys.length), ...keys, ...args]);

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

/**
 * The script, rejected with a retryable `internal` when it has no answer after `lateMs`: a client may never settle what it
 * sent into a connection that is half open. Redis may have run it, or do so yet. Not for what is called for each token.
 */
export const limitRedisScript =
  (script: RedisScript, lateMs: number): RedisScript =>
  (keys, args) =>
    new Promise((resolve, reject) => {
      const answer = script(keys, args);
      const late = setTimeout(() => reject(noAnswer(lateMs)), lateMs);
      answer.finally(() => clearTimeout(late)).then(resolve, reject);
    });

const noAnswer = (lateMs: number): ChatKitError =>
  new ChatKitError('internal', `Redis has not answered for ${lateMs} ms.`, { retryable: true });

/** Redis names scripts by SHA-1; nothing here depends on its strength. */
const sha1 = async (text: string): Promise<string> => {
  const digest = await crypto.subtle.digest('SHA-1', new TextEncoder().encode(text));
  return [...new Uint8Array(digest)].map((byte) => byte.toString(16).padStart(2, '0')).join('');
};
