#!/usr/bin/env node
/**
 * The command `chatkit-doctor <url>`. Exit code 0: nothing to fix; 1: something needs fixing; 2: wrong usage.
 */
import { parseArgs } from 'node:util';
import { type ExamineOptions, examine } from '../examine.ts';
import { formatReport } from '../format-report.ts';

const USAGE = `Finds out why a chat stream stalls. It sends one message to a ChatKit server and watches the answer.

  chatkit-doctor <url> [options]

  -m, --message <text>     the message to send (Hello)
  -H, --header <a: b>      sent with every request; may be repeated
      --stall-ms <n>       how long without an event counts as a stall (2000)
      --probe-ms <n>       how long each probe during a stall may take (2000)
      --limit-ms <n>       time limit of the examination (120000)
      --keep               keeps the thread that the message creates
      --json               prints the report as JSON
  -h, --help               prints this help
`;

/** Parses the arguments. Throws an error with a message for the user. */
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
  if (url === undefined || rest.length > 0) throw new Error('Give exactly one URL.');
  if (!URL.canParse(url) || !/^https?:/.test(url)) throw new Error(`Not an http or https URL: ${url}`);
  const duration = (name: 'stall-ms' | 'probe-ms' | 'limit-ms'): number | undefined => {
    const value = values[name];
    if (value === undefined) return undefined;
    if (!/^[1-9]\d{0,8}$/.test(value)) throw new Error(`--${name} must be a whole number of milliseconds, at least 1.`);
    return Number(value);
  };
  const headers = new Headers();
  for (const line of values.header ?? []) {
    const colon = line.indexOf(':');
    if (colon < 1) throw new Error(`A header must have the form "name: value": ${line}`);
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
