import { library } from '../../tsup.base.ts';

export default library({
  index: 'src/index.ts',
  'ai-sdk/index': 'src/ai-sdk/index.ts',
  'text/index': 'src/text/index.ts',
});
