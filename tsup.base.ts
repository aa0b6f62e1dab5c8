import { defineConfig, type Options } from 'tsup';

/** The one way a package of this repository is built: ESM JavaScript for any runtime; `tsc` writes the declarations. */
export const library = (entry: Record<string, string>, options: Options = {}) =>
  defineConfig({
    entry,
    format: ['esm'],
    target: 'es2023',
    platform: 'neutral',
    dts: false,
    sourcemap: true,
    clean: true,
    external: [/^node:/],
    // `node:sqlite` has no name without its protocol, and Workers know only names that have it.
    removeNodeProtocol: false,
    ...options,
  });
