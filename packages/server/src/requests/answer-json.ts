/** Dispatches the requests that are answered with JSON. */
import type { ChatKitRequest } from '@chatkit/core';
import type { ServerParts } from '../server-parts.ts';
import { createAttachment, deleteAttachment, transcribe } from './attachments.ts';
import { syncCustomAction } from './custom-action.ts';
import { addFeedback, listItems } from './items.ts';
import type { StreamingRequest } from './prepare-turn.ts';
import { deleteThread, getThread, listThreads, renameThread } from './threads.ts';

/** Answers a request about stored data; requests about runs are handled elsewhere. */
export const answerJson = async <Context>(
  parts: ServerParts<Context>,
  request: Exclude<ChatKitRequest, StreamingRequest | { type: 'runs.cancel' }>,
  context: Context,
): Promise<unknown> => {
  switch (request.type) {
    case 'threads.get_by_id':
      return getThread(parts, request.params, context);
    case 'threads.list':
      return listThreads(parts, request.params, context);
    case 'threads.update':
      return renameThread(parts, request.params, context);
    case 'threads.delete':
      return deleteThread(parts, request.params, context);
    case 'threads.sync_custom_action':
      return syncCustomAction(parts, request.params, context);
    case 'items.list':
      return listItems(parts, request.params, context);
    case 'items.feedback':
      return addFeedback(parts, request.params, context);
    case 'attachments.create':
      return createAttachment(parts, request.params, context);
    case 'attachments.delete':
      return deleteAttachment(parts, request.params, context);
    case 'input.transcribe':
      return transcribe(parts, request.params, context);
  }
};
