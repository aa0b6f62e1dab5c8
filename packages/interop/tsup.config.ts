import { library } from '../../tsup.base.ts';

export default library({ 'ag-ui/index': 'src/ag-ui/index.ts', 'ui-message/index': 'src/ui-message/index.ts' });
