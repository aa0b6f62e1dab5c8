import type { ErrorInfo, Settings } from './settings.ts';

/**
 * Does what belongs to the end of something. A failure, even one that is thrown at once, is reported and must not stop
 * the rest.
 */
export const reported = async (
  onError: Settings['onError'],
  work: () => Promise<void>,
  info: ErrorInfo,
): Promise<void> => {
  try {
    await work();
  } catch (error) {
    onError(error, info);
  }
};
