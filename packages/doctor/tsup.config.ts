import { library } from '../../tsup.base.ts';

export default library({ index: 'src/index.ts', 'node/cli': 'src/node/cli.ts' });
