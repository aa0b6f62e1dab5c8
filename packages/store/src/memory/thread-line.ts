/**
 * The line of those that wait for one thread, in the order in which they took their places. A run has one place, its
 * machine's; a machine's places are good for any of its runs, and only for as long as it is heard of.
 */

interface Place {
  machine: string;
  runId: string;
}

export interface ThreadLine {
  /** Takes a place at the end for a run that has none, and is heard of: its machine's places are good until then. */
  add(place: Place, now: number, until: number): void;
  /** Gives up a place. Whether it was there. */
  remove(place: Place): boolean;
  /** Whether a run has a place that is good. */
  has(runId: string, now: number): boolean;
  /** The machine has been heard of. */
  keep(machine: string, until: number): void;
  /** Whose turn it is. Places that are no longer good go. */
  first(now: number): string | undefined;
  /**
   * Takes a run out that the machine sends whose turn it is. The one that stood first, if it is another, gets its
   * place; but where that is another machine's, because both were sent the run, the one that stood first stays.
   */
  letIn(place: Place): void;
}

/** `onGone` hears of each run that stands in the line no more. */
export const createThreadLine = (onGone: (runId: string) => void): ThreadLine => {
  const places: Place[] = [];
  const goodUntil = new Map<string, number>();
  const indexOf = (runId: string) => places.findIndex((place) => place.runId === runId);
  const isHeardOf = (machine: string, now: number) => (goodUntil.get(machine) ?? 0) > now;

  return {
    add({ machine, runId }, now, until) {
      const own = places[indexOf(runId)];
      if (own === undefined) places.push({ machine, runId });
      else if (!isHeardOf(own.machine, now)) own.machine = machine;
      goodUntil.set(machine, until);
    },
    remove({ machine, runId }) {
      const index = indexOf(runId);
      if (places[index]?.machine !== machine) return false;
      places.splice(index, 1);
      onGone(runId);
      return true;
    },
    has(runId, now) {
      const place = places[indexOf(runId)];
      return place !== undefined && isHeardOf(place.machine, now);
    },
    keep: (machine, until) => void goodUntil.set(machine, until),
    first(now) {
      for (;;) {
        const [place] = places;
        if (place === undefined || isHeardOf(place.machine, now)) return place?.machine;
        places.shift();
        onGone(place.runId);
      }
    },
    letIn({ machine, runId }) {
      const index = indexOf(runId);
      const [first] = places;
      const own = places[index];
      if (own === undefined) places.push(...places.splice(0, 1));
      else if (own.machine !== machine) places.splice(index, 1);
      else {
        own.runId = first?.runId ?? runId;
        places.shift();
      }
      if (own !== undefined) onGone(runId);
    },
  };
};
