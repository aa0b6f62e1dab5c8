#!/usr/bin/env node
/**
 * The command `chatkit-doctor <url>`. Exit code 0: nothing to mend; 1: something is; 2: it was not called as it should
 * be.
 */
import { parseArgs } from 'node:util';
import { type ExamineOptions, examine } from '../examine.ts';
import { formatReport } from '../format-report.ts';

const USAGE = `Says why a chat stream stalls. It sends one message to a ChatKit server and watches the answer.

  chatkit-doctor <url> [options]

  -m, --message <text>     what is asked (Hello)
  -H, --header <a: b>      sent with every request; may be given again
      --stall-ms <n>       without an event for this long, the stream is stalled (2000)
      --probe-ms <n>       how long the questions asked then may take (2000)
      --limit-ms <n>       ends the examination (120000)
      --keep               keeps the thread that the message makes
      --json               the report as JSON
  -h, --help               this
`;

/** Reads the arguments. Throws with a sentence for the user. */
const readArgs = (args: string[]): (ExamineOptions & { asJson: boolean }) | undefined => {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: {
      message: { type: 'string', short: 'm' },
      header: { type: 'string', short: 'H', multiple: true },
      'stall-ms': { type: 'string' },
      'probe-ms': { type: 'string' },
      'limit-ms': { type: 'string' },
      keep: { type: 'boolean' },
      json: { type: 'boolean' },
      help: { type: 'boolean', short: 'h' },
    },
  });
  if (values.help) return undefined;
  const [url, ...rest] = positionals;
  if (url === undefined || rest.length > 0) throw new Error('Give one URL.');
  if (!URL.canParse(url) || !/^https?:/.test(url)) throw new Error(`Not a URL with http or https: ${url}`);
  const duration = (name: 'stall-ms' | 'probe-ms' | 'limit-ms'): number | undefined => {
    const value = values[name];
    if (value === undefined) return undefined;
    if (!/^[1-9]\d{0,8}$/.test(value)) throw new Error(`--${name} is a whole number of milliseconds, at least 1.`);
    return Number(value);
  };
  const headers = new Headers();
  for (const line of values.header ?? []) {
    const colon = line.indexOf(':');
    if (colon < 1) throw new Error(`A header has a colon: ${line}`);
    headers.append(line.slice(0, colon).trim(), line.slice(colon + 1).trim());
  }
  return {
    url,
    message: values.message,
    headers,
    stallMs: duration('stall-ms'),
    probeMs: duration('probe-ms'),
    limitMs: duration('limit-ms'),
    keepThread: values.keep,
    asJson: values.json ?? false,
  };
};

const main = async (args: string[]): Promise<number> => {
  let options: ReturnType<typeof readArgs>;
  try {
    options = readArgs(args);
  } catch (error) {
    console.error(`${error instanceof Error ? error.message : String(error)}\n\n${USAGE}`);
    return 2;
  }
  if (options === undefined) {
    console.log(USAGE);
    return 0;
  }
  const interrupt = new AbortController();
  process.once('SIGINT', () => interrupt.abort());
  const report = await examine({ ...options, signal: interrupt.signal });
  console.log(options.asJson ? JSON.stringify(report, null, 2) : formatReport(report));
  return report.isHealthy ? 0 : 1;
};

process.exitCode = await main(process.argv.slice(2));
