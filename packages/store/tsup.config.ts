import { library } from '../../tsup.base.ts';

export default library({ 'memory/index': 'src/memory/index.ts' });
