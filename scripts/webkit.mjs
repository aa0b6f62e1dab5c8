// Drives WebKitGTK's MiniBrowser over WebDriver: the engine of Safari, in another browser on another system. It needs a
// display, and gets an Xvfb of its own. Debian's packages are webkit2gtk-driver and xvfb.
import { spawn } from 'node:child_process';
import { existsSync, globSync } from 'node:fs';
import { freePort } from '../apps/cluster/server/free-port.ts';
import { keyActions } from './key-actions.mjs';

const driver = '/usr/bin/WebKitWebDriver';
const xvfb = '/usr/bin/Xvfb';

/** The browser that the driver starts; `undefined` where there is none, or no Xvfb for it. */
export const findWebKit = () =>
  existsSync(driver) && existsSync(xvfb) ? globSync('/usr/lib/*/webkit2gtk-4.1/MiniBrowser')[0] : undefined;

/**
 * What the page has complained of since it was last asked. WebDriver has no console, so a page listens to its own, from the
 * first time on.
 */
const hear = `(() => {
  const note = (...words) => globalThis.complaints.push(words.map((each) => each?.message ?? String(each)).join(' '));
  if (globalThis.complaints === undefined) {
    globalThis.complaints = [];
    for (const level of ['error', 'warn']) {
      const original = console[level];
      console[level] = (...words) => { note(...words); original(...words); };
    }
    addEventListener('error', ({ message }) => note(message));
    addEventListener('unhandledrejection', ({ reason }) => note(reason));
  }
  return globalThis.complaints.splice(0);
})()`;

/** @returns {Promise<import('./engine.ts').Engine>} */
export async function launchWebKit() {
  const binary = findWebKit();
  if (binary === undefined) throw new Error('There is no WebKitGTK with a driver, or no Xvfb.');
  const display = await startDisplay();
  const env = { ...process.env, DISPLAY: display.name };
  const port = await freePort();
  const child = spawn(driver, [`--port=${port}`], { env, stdio: 'ignore' });
  const exited = new Promise((resolve) => child.on('close', resolve));
  const ask = async (method, path, body) => {
    const response = await fetch(`http://127.0.0.1:${port}${path}`, {
      method,
      ...(method === 'POST' && { body: JSON.stringify(body ?? {}) }),
    });
    const { value } = await response.json();
    if (!response.ok) throw new Error(`${method} ${path}: ${value.error}: ${value.message}`);
    return value;
  };
  for (let tries = 0; ; tries += 1) {
    try {
      await ask('GET', '/status');
      break;
    } catch (error) {
      if (tries === 100) throw error;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
  const browserOptions = { binary, args: ['--automation'] };
  const { sessionId } = await ask('POST', '/session', {
    capabilities: { alwaysMatch: { 'webkitgtk:browserOptions': browserOptions, timeouts: { script: 300_000 } } },
  });
  const session = `/session/${sessionId}`;

  const complaints = [];
  // A session has one current tab, so what two tabs are asked for goes one after the other.
  let turn = Promise.resolve();
  const tabOf = (handle) => {
    const inTab = (method, path, body) => {
      const answer = turn.then(async () => {
        await ask('POST', `${session}/window`, { handle });
        return ask(method, session + path, body);
      });
      turn = answer.catch(() => {});
      return answer;
    };
    return {
      async goto(url) {
        await inTab('POST', '/url', { url });
        await this.evaluate('undefined');
      },
      async evaluate(expression) {
        const { value, error, heard } = await inTab('POST', '/execute/async', {
          script: `const done = arguments[0];
            (async () => JSON.stringify(await (${expression})))().then(
              (value) => done({ value, heard: ${hear} }),
              (error) => done({ error: String(error), heard: ${hear} }));`,
          args: [],
        });
        complaints.push(...heard);
        if (error !== undefined) throw new Error(`${error}, in ${expression}`);
        return value === undefined || value === null ? undefined : JSON.parse(value);
      },
      press: (...keys) => inTab('POST', '/actions', { actions: keyActions(keys) }),
      back: () => inTab('POST', '/back'),
      screenshot: async () => Buffer.from(await inTab('GET', '/screenshot'), 'base64'),
      resize: (width, height) => inTab('POST', '/window/rect', { width, height }),
      close: () => inTab('DELETE', '/window'),
    };
  };

  return {
    name: 'webkit',
    complaints,
    tab: tabOf(await ask('GET', `${session}/window`)),
    newTab: async () => tabOf((await ask('POST', `${session}/window/new`, { type: 'tab' })).handle),
    async close() {
      await ask('DELETE', session).catch(() => {});
      child.kill();
      await exited;
      await display.close();
    },
  };
}

/** An Xvfb on a free display, which it chooses itself. */
async function startDisplay() {
  const child = spawn(xvfb, ['-displayfd', '3', '-screen', '0', '1400x1000x24', '-nolisten', 'tcp'], {
    stdio: ['ignore', 'ignore', 'ignore', 'pipe'],
  });
  const exited = new Promise((resolve) => child.on('close', resolve));
  const number = await new Promise((resolve, reject) => {
    child.stdio[3].once('data', (data) => resolve(String(data).trim()));
    child.on('close', () => reject(new Error('Xvfb did not start')));
  });
  return {
    name: `:${number}`,
    async close() {
      child.kill();
      await exited;
    },
  };
}
