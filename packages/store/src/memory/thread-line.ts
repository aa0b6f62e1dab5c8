/**
 * The line of runs that wait for one thread, in the order in which they took their places. A run has one place, held by
 * its machine. A machine may use any of its places for any of its runs, and its places expire when it has not been
 * heard from.
 */

interface Place {
  machine: string;
  runId: string;
}

export interface ThreadLine {
  /** Takes a place at the end for a run that has none, and extends all places of its machine to `until`. */
  add(place: Place, now: number, until: number): void;
  /** Gives up a place. Returns whether there was one. */
  remove(place: Place): boolean;
  /** Whether a run has a place that has not expired. */
  has(runId: string, now: number): boolean;
  /** Extends all places of a machine to `until`. */
  keep(machine: string, until: number): void;
  /** The machine whose turn it is. Drops expired places at the front. */
  first(now: number): string | undefined;
  /**
   * Removes a run that is granted the thread, for the machine whose turn it is. If that run was not the first in line,
   * the first one takes over its place. If its place belongs to another machine, because both were sent the run, that
   * place is dropped and the first one stays.
   */
  letIn(place: Place): void;
}

/** `onGone` is called for each run that has left the line. */
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
