/**
 * What no minifier may shorten by itself: properties of objects that no user sees, by names that nothing else has: no option, no
 * field of the wire or of what tabs tell each other, nothing built in. The type of such an object stands in one file.
 */
export const INTERNAL: RegExp =
  /^(runId|late|settle|reload|enter|onRetry|uploadBare|release|olderCursor|outbox|ports|isAwaited|prepare|lastOffset|namesCalls|isRepeat|timeoutFor|frozen|giveWay|abandon|lookAgain|toolTimeoutMs|replayTo|activeRunId|toolHandler|onReach|onNumbered|exchange|onHeard|isOwn|retryWith|onEvents|onState|isOver|isWhole|held|retryPlan|attachTo)$/;
