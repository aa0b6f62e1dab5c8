import { library } from '../../tsup.base.ts';

export default library(
  {
    index: 'src/index.ts',
    'engine/index': 'src/engine/index.ts',
    'node/index': 'src/node/index.ts',
  },
  {
    // Shortens what no minifier may shorten by itself: private members, which begin with a low line, and the names by
    // which operators use the pump and the hub. They would be a thirtieth of the package. None may be an option's name.
    esbuildOptions(options) {
      options.mangleProps =
        /^(_[a-z].*|isWaited|held|isEnded|offerAll|endEarly|endNow|wantsMore|takeAll|onPull|onTurn|onSourceOver|onOver|isBlocking|onMore|isNext|lent|upstream|letGo|behind|kept|trim|leave|laneEnded|deliver)$/;
    },
  },
);
