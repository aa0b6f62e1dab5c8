// Records what the Python SDK does: makes a virtual environment under node_modules/.cache, installs the pinned SDK into
// it, runs the recorders and checks the rows that our server wrote. `node conformance/record/run.mjs [scenario…]` records
// those scenarios alone; `… validate [rows.json]` only checks rows. Needs Python 3.11 or newer (set PYTHON to choose one).
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));
const root = dirname(dirname(here));
const environment = join(root, 'node_modules/.cache/conformance-python');
const python = join(environment, process.platform === 'win32' ? 'Scripts/python.exe' : 'bin/python');
const requirements = readFileSync(join(here, 'requirements.txt'), 'utf8');
const stamp = join(environment, 'requirements.txt');

const { PYTHON = 'python3' } = process.env;
const env = { ...process.env, PYTHONDONTWRITEBYTECODE: '1' };

const run = (command, args) => {
  const { status, error } = spawnSync(command, args, { stdio: 'inherit', env });
  if (error) console.error(String(error));
  if (status !== 0) process.exit(status ?? 1);
};

if (!existsSync(stamp) || readFileSync(stamp, 'utf8') !== requirements) {
  run(PYTHON, ['-m', 'venv', '--clear', environment]);
  run(python, ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '-r', join(here, 'requirements.txt')]);
  writeFileSync(stamp, requirements);
}

const script = (name, ...args) => run(python, [join(here, name), ...args]);
const args = process.argv.slice(2).filter((each) => each !== '--');
if (args[0] === 'validate') {
  script('validate_rows.py', ...args.slice(1));
} else {
  script('record.py', ...args);
  if (args.length === 0) {
    script('record_rows.py');
    script('record_widgets.py');
    script('validate_rows.py');
  }
}
