/**
 * What no minifier may shorten by itself. A member that an exported interface of the engine declares (`Pump`,
 * `PumpHooks`, `Failure`) has a plain name, which is listed here; every other one begins with a low line. None of the
 * listed names may be that of an option, of a member that users see, or of something built in.
 */
export const INTERNAL: RegExp =
  /^(_[a-z].*|isWaited|held|isEnded|offerAll|endEarly|endNow|wantsMore|takeAll|onPull|onTurn|onSourceOver|onOver|offer|finish|run|failure|queue|take|stage|writer)$/;
