/**
 * Runs Lua scripts: sends a script's hash, and the whole script when the server does not have it (the first time, or
 * after a restart).
 */
import { ChatKitError } from '@chatkit/core';
import { longestTimerMs } from '../shared/longest-timer.ts';
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

export interface RedisScriptLimits {
  /** How long an answer may take before the call fails. */
  readonly unreachableMs: number;
  /** After how long an answer is overdue. */
  readonly lateMs: number;
  /**
   * Called when an answer is overdue, and regularly after that: whether the answer to a command sent at this time may
   * never come.
   */
  readonly isLost: (sentAt: number) => boolean;
  /** Whether the script may run twice: then it is sent again when its answer may be lost. The first answer counts. */
  readonly isRepeatable?: boolean | undefined;
}

/**
 * What Redis says while it cannot run a script: a primary that has become a replica, a replica without its primary, a
 * start, a primary without enough replicas, a script that takes too long. Nothing of the refused script was done.
 */
const refusedForNow = /\b(READONLY|MASTERDOWN|LOADING|NOREPLICAS|BUSY)\b/;
/** The pause before a refused script is sent again. */
const refusedMs = 100;

/**
 * Adds a timeout to a script: it rejects with a retryable `internal` when there is no answer after `unreachableMs`,
 * because a client may never settle a command on a half-open connection. Redis may have run the script, or run it
 * later. Until then a script that Redis refuses for now is sent again; a failover takes seconds. Too expensive for
 * scripts that are called for each token.
 */
export const limitRedisScript =
  (script: RedisScript, { unreachableMs, lateMs, isLost, isRepeatable = false }: RedisScriptLimits): RedisScript =>
  (keys, args) =>
    new Promise((resolve, reject) => {
      let sentAt = 0;
      let owed = 0;
      let again: ReturnType<typeof setTimeout> | undefined;
      let refusal: unknown;
      let isOver = false;
      const end = (): void => {
        isOver = true;
        clearTimeout(check);
        clearTimeout(limit);
        clearTimeout(again);
      };
      const ask = (): void => {
        sentAt = performance.now();
        owed += 1;
        script(keys, args).then(
          (answer) => {
            end();
            resolve(answer);
          },
          (error) => {
            owed -= 1;
            if (owed > 0 || isOver) return;
            // Its connection was abandoned, and closed with what it owed.
            if (isRepeatable && isLost(sentAt)) {
              ask();
              return;
            }
            if (refusedForNow.test(String(error))) {
              refusal = error;
              again = setTimeout(ask, refusedMs);
              return;
            }
            end();
            reject(error);
          },
        );
      };
      // Two half intervals: if this process was starved, answers that have already arrived are read between the two.
      const checkSoon = (then: () => void) => setTimeout(then, lateMs / 2);
      const checkAgain = (): void => {
        check = checkSoon(checkAgain);
        if (isLost(sentAt) && isRepeatable) ask();
      };
      let check = checkSoon(() => {
        check = checkSoon(checkAgain);
      });
      const limit = setTimeout(
        () => {
          end();
          reject(noAnswer(unreachableMs, refusal));
        },
        Math.min(unreachableMs, longestTimerMs),
      );
      ask();
    });

const noAnswer = (ms: number, cause: unknown): ChatKitError =>
  new ChatKitError('internal', `Redis has not answered for ${ms} ms.`, { retryable: true, cause });

/** Redis names scripts by SHA-1; nothing here depends on its strength. */
const sha1 = async (text: string): Promise<string> => {
  const digest = await crypto.subtle.digest('SHA-1', new TextEncoder().encode(text));
  return [...new Uint8Array(digest)].map((byte) => byte.toString(16).padStart(2, '0')).join('');
};
