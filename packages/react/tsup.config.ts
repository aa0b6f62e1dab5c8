import { library } from '../../tsup.base.ts';

// React server components may import this package, but only a module of the client may use state and effects.
export default library({ index: 'src/index.ts' }, { banner: { js: "'use client';" } });
