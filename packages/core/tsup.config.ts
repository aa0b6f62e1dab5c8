import { library } from '../../tsup.base.ts';

export default library({
  index: 'src/index.ts',
  order: 'src/order.ts',
  'schema/index': 'src/schema/index.ts',
  'widgets/index': 'src/widgets/index.ts',
});
