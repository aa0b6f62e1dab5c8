// Drives the system's Firefox (firefox, then firefox-esr) over WebDriver BiDi, which needs no program
// beside it. Playwright cannot: it wants a Firefox of its own making.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { keyActions } from './key-actions.mjs';

/** Where it is; `undefined` where there is none. */
export const findFirefox = () => ['/usr/bin/firefox', '/usr/bin/firefox-esr'].find((each) => existsSync(each));

/** What no test wants: a first-run page, telemetry, updates, a crash reporter's delay. */
const preferences = {
  'app.update.disabledForTesting': true,
  'browser.shell.checkDefaultBrowser': false,
  'browser.startup.homepage_override.mstone': 'ignore',
  'datareporting.policy.dataSubmissionEnabled': false,
  'network.captive-portal-service.enabled': false,
  'network.connectivity-service.enabled': false,
  'services.settings.server': 'data:,',
  'toolkit.startup.max_resumed_crashes': -1,
};

/** @returns {Promise<import('./engine.ts').Engine>} */
export async function launchFirefox() {
  const program = findFirefox();
  if (program === undefined) throw new Error('There is no Firefox in /usr/bin.');
  const profile = await mkdtemp(join(tmpdir(), 'chatkit-firefox-'));
  const lines = Object.entries(preferences).map((each) => `user_pref(${JSON.stringify(each).slice(1, -1)});`);
  await writeFile(join(profile, 'user.js'), lines.join('\n'));
  const child = spawn(program, ['--headless', '--no-remote', '--profile', profile, '--remote-debugging-port=0'], {
    // A root's HOME may belong to another user, and then Firefox does not start.
    env: { ...process.env, HOME: profile, MOZ_CRASHREPORTER_DISABLE: '1' },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const exited = new Promise((resolve) => child.on('close', resolve));
  const address = await new Promise((resolve, reject) => {
    let output = '';
    child.stderr.on('data', (data) => {
      output += data;
      const [, url] = /WebDriver BiDi listening on (ws:\S+)/.exec(output) ?? [];
      if (url !== undefined) resolve(url);
    });
    child.on('error', reject);
    const fail = () => reject(new Error(`Firefox did not start:\n${output}`));
    child.on('close', fail);
    setTimeout(fail, 60_000).unref();
  });
  const { send, on, close } = await openBidi(`${address}/session`);
  await send('session.new', { capabilities: { alwaysMatch: { acceptInsecureCerts: true } } });
  await send('session.subscribe', { events: ['log.entryAdded'] });
  const complaints = [];
  on('log.entryAdded', ({ level, text }) => {
    if (level === 'error' || level === 'warn') complaints.push(text);
  });
  const { contexts } = await send('browsingContext.getTree', {});

  const tabOf = (context) => ({
    goto: (url) => send('browsingContext.navigate', { context, url, wait: 'complete' }),
    async evaluate(expression) {
      const { type, result, exceptionDetails } = await send('script.evaluate', {
        expression: `(async () => JSON.stringify(await (${expression})))()`,
        target: { context },
        awaitPromise: true,
      });
      if (type === 'exception') throw new Error(`${exceptionDetails.text}, in ${expression}`);
      return result.value === undefined ? undefined : JSON.parse(result.value);
    },
    press: (...keys) => send('input.performActions', { context, actions: keyActions(keys) }),
    back: () => send('browsingContext.traverseHistory', { context, delta: -1 }),
    async screenshot() {
      const { data } = await send('browsingContext.captureScreenshot', { context });
      return Buffer.from(data, 'base64');
    },
    resize: (width, height) => send('browsingContext.setViewport', { context, viewport: { width, height } }),
    close: () => send('browsingContext.close', { context }),
  });

  return {
    name: 'firefox',
    complaints,
    tab: tabOf(contexts[0].context),
    newTab: async () => tabOf((await send('browsingContext.create', { type: 'tab' })).context),
    async close() {
      await send('browser.close', {}).catch(() => {});
      close();
      child.kill('SIGKILL');
      await exited;
      await rm(profile, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}

/** https://w3c.github.io/webdriver-bidi/#transport */
async function openBidi(url) {
  const socket = new WebSocket(url);
  const waiting = new Map();
  const listeners = new Map();
  let last = 0;
  socket.onmessage = ({ data }) => {
    const { type, id, result, method, params, error, message } = JSON.parse(data);
    if (type === 'event') return listeners.get(method)?.(params);
    const { resolve, reject, asked } = waiting.get(id) ?? {};
    waiting.delete(id);
    if (type === 'success') resolve?.(result);
    else reject?.(new Error(`${asked}: ${error}: ${message}`));
  };
  socket.onclose = () => {
    for (const { reject, asked } of waiting.values()) reject(new Error(`${asked}: Firefox has gone`));
  };
  await new Promise((resolve, reject) => {
    socket.onopen = resolve;
    socket.onerror = () => reject(new Error(`${url} cannot be reached`));
  });
  return {
    on: (method, listener) => listeners.set(method, listener),
    close: () => socket.close(),
    send: (method, params) =>
      new Promise((resolve, reject) => {
        last += 1;
        waiting.set(last, { resolve, reject, asked: method });
        socket.send(JSON.stringify({ id: last, method, params }));
      }),
  };
}
