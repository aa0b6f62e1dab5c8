/** The errors of templates, with the line where parsing failed. */
import { ChatKitError } from '../../error.ts';

/** A template that cannot be parsed. `line` is where parsing stopped, from 1. */
export const invalidTemplate = (message: string, line?: number): ChatKitError =>
  new ChatKitError('widget.invalid_template', line === undefined ? message : `${message} (line ${line})`, {
    details: line === undefined ? {} : { line },
  });

/** A template that cannot be rendered with the given data. */
export const renderFailed = (message: string, cause?: unknown): ChatKitError =>
  new ChatKitError('widget.render_failed', message, cause === undefined ? {} : { cause });
