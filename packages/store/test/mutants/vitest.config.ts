import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { defineConfig } from 'vitest/config';

const conditions = ['@chatkit/source', 'module', 'node', 'development'];

export default defineConfig({
  cacheDir: join(tmpdir(), 'chatkit-mutants-cache'),
  resolve: { conditions },
  ssr: { resolve: { conditions, externalConditions: ['@chatkit/source'] } },
  test: { include: ['kits.mutants.ts'], root: import.meta.dirname },
});
