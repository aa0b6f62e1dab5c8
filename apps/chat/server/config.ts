/** The demo's settings, all from the environment, all with a default. */
import { join } from 'node:path';

export interface Config {
  readonly port: number;
  readonly host: string;
  /** The folder whose Markdown is answered from: the root of a checkout. */
  readonly documents: string;
  /** The SQLite file, or `:memory:` for threads that end with the process. */
  readonly database: string;
  /** See `PaceOptions.tokensPerSecond`. */
  readonly tokensPerSecond: number;
  /** How long the assistant seems to search and to read, so that a person can see it. */
  readonly thinkMs: number;
  readonly model:
    | {
        readonly apiKey: string;
        readonly baseUrl: string | undefined;
        readonly name: string;
        /** Whether the model is asked for a summary of its reasoning, which is then shown. */
        readonly reasoningSummary: boolean;
      }
    | undefined;
}

/** Reads the settings. Throws a `RangeError` that names the variable when one is malformed. */
export const readConfig = (env: NodeJS.ProcessEnv, root: string): Config => {
  const apiKey = env['OPENAI_API_KEY'];
  const tokensPerSecond = env['CHAT_PACE'] === undefined ? 45 : Number(env['CHAT_PACE']);
  if (!(tokensPerSecond >= 0)) throw new RangeError('CHAT_PACE must be a number of tokens per second; 0 for no delay');
  const port = Number(env['PORT'] || 3000);
  if (!Number.isInteger(port) || port < 0 || port > 65_535) throw new RangeError('PORT must be from 0 to 65535');
  return {
    port,
    host: env['HOST'] || '127.0.0.1',
    documents: env['CHAT_DOCS'] || root,
    database: env['CHAT_DATABASE'] || join(root, '.data', 'chat.sqlite'),
    tokensPerSecond: tokensPerSecond === 0 ? Number.POSITIVE_INFINITY : tokensPerSecond,
    thinkMs: tokensPerSecond === 0 ? 0 : 350,
    model: apiKey
      ? {
          apiKey,
          baseUrl: env['OPENAI_BASE_URL'] || undefined,
          name: env['OPENAI_MODEL'] || 'gpt-5-mini',
          reasoningSummary: env['OPENAI_REASONING_SUMMARY'] === 'auto',
        }
      : undefined,
  };
};
