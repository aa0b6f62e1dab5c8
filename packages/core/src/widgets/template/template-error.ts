/** How a template reports what is wrong with it, with the line where it is. */
import { ChatKitError } from '../../error.ts';

/** A template that cannot be read: `line` is where reading stopped, from 1. */
export const invalidTemplate = (message: string, line?: number): ChatKitError =>
  new ChatKitError('widget.invalid_template', line === undefined ? message : `${message} (line ${line})`, {
    details: line === undefined ? {} : { line },
  });

/** A template that cannot be filled in with the data that it was given. */
export const renderFailed = (message: string, cause?: unknown): ChatKitError =>
  new ChatKitError('widget.render_failed', message, cause === undefined ? {} : { cause });
