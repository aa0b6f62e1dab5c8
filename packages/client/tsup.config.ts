import { shortNames } from '../../short-names.ts';
import { library } from '../../tsup.base.ts';
import { INTERNAL } from './internal-names.ts';

export default library(
  { index: 'src/index.ts' },
  {
    esbuildOptions(options) {
      options.mangleProps = INTERNAL;
      options.mangleCache = shortNames('src', INTERNAL);
    },
  },
);
