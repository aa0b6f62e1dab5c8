import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, onTestFinished, test } from 'vitest';

test('a line in, a streamed answer out, and an end', async () => {
  const main = fileURLToPath(new URL('../main.ts', import.meta.url));
  const child = spawn(process.execPath, [main], { stdio: ['pipe', 'pipe', 'pipe'] });
  onTestFinished(() => {
    child.kill('SIGKILL');
  });
  let errors = '';
  child.stderr.on('data', (data) => {
    errors += data;
  });
  const chunks: string[] = [];
  child.stdout.on('data', (data) => chunks.push(String(data)));
  const ended = new Promise<number | null>((resolve) => child.on('close', resolve));
  child.stdin.end('Hello out there\nAnd again\n');
  expect(await ended, errors).toBe(0);
  const output = chunks.join('');
  expect(output).toContain('(Counting…)');
  expect(output).toContain('“Hello out there” has 13 letters and 3 words.');
  expect(output).toContain('“And again” has 8 letters');
  expect(chunks.length).toBeGreaterThan(10);
});
