import { library } from '../../tsup.base.ts';

export default library({
  'durable-object/index': 'src/durable-object/index.ts',
  'memory/index': 'src/memory/index.ts',
  'postgres/index': 'src/postgres/index.ts',
  'redis/index': 'src/redis/index.ts',
  'sqlite/index': 'src/sqlite/index.ts',
});
