import { shortNames } from '../../short-names.ts';
import { library } from '../../tsup.base.ts';
import { INTERNAL } from './internal-names.ts';

export default library(
  {
    index: 'src/index.ts',
    'engine/index': 'src/engine/index.ts',
    'node/index': 'src/node/index.ts',
  },
  {
    esbuildOptions(options) {
      options.mangleProps = INTERNAL;
      options.mangleCache = shortNames('src', INTERNAL);
      options.minifySyntax = true; // writes constants in place of their names
    },
  },
);
