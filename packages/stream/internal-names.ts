/**
 * What no minifier may shorten by itself: members that begin with a low line, and the names by which the parts of the
 * engine use each other. None may be the name of an option, of a member that users see, or of something built in.
 */
export const INTERNAL: RegExp =
  /^(_[a-z].*|isWaited|held|isEnded|offerAll|endEarly|endNow|wantsMore|takeAll|onPull|onTurn|onSourceOver|onOver|isBlocking|onMore|isNext|behind|kept|trim|leave|laneEnded|deliver|offer|finish|run|failure|steps|queue|take|stage|writer|release|dueAt|isWord|segmenter)$/;
