import { defineConfig } from 'vitest/config';

const conditions = ['@chatkit/source', 'module', 'node', 'development'];

export default defineConfig({
  resolve: { conditions },
  ssr: { resolve: { conditions, externalConditions: ['@chatkit/source'] } },
  test: { include: ['kits.mutants.ts'], root: import.meta.dirname },
});
