import { library } from '../../tsup.base.ts';

export default library({
  index: 'src/index.ts',
  'engine/index': 'src/engine/index.ts',
  'node/index': 'src/node/index.ts',
});
