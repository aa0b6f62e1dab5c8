/**
 * The schemas of the sixteen kinds of request in the protocol, and of `runs.cancel`, our extension. They are lenient:
 * unknown keys are dropped, never refused, because existing front ends add their own.
 */
import * as z from 'zod';
import { inferenceOptionsSchema, userMessageContentSchema } from './content.ts';
import { jsonObjectSchema, jsonSchema, optional, withDefault } from './primitives.ts';
import { structuredInputResultSchema } from './structured-input.ts';

// The limit of every store, so that an id accepted here can be looked up.
const id = z.string().min(1).max(200);
const order = withDefault(z.enum(['asc', 'desc']), 'desc');
// The Python SDK takes 0 and null as "the default"; the maximum is ours.
const limit = optional(z.number().int().nonnegative());

const request = <T extends string, P extends z.ZodType>(type: T, params: P) =>
  z.object({ type: z.literal(type), params, metadata: withDefault(jsonObjectSchema, {}) });

export const userMessageInputSchema = z.object({
  content: z.array(userMessageContentSchema),
  attachments: withDefault(z.array(id), []),
  quoted_text: optional(z.string()),
  inference_options: withDefault(inferenceOptionsSchema, {}),
});

export const actionSchema = z.object({ type: z.string(), payload: jsonSchema.optional() });

const customActionParams = z.object({ thread_id: id, item_id: optional(id), action: actionSchema });

export const threadsCreateSchema = request('threads.create', z.object({ input: userMessageInputSchema }));

export const threadsAddUserMessageSchema = request(
  'threads.add_user_message',
  z.object({ thread_id: id, input: userMessageInputSchema }),
);

export const threadsAddClientToolOutputSchema = request(
  'threads.add_client_tool_output',
  // In the Python SDK the request does not name the call. `item_id` is our extension, for calls that run concurrently.
  z.object({ thread_id: id, item_id: optional(id), result: jsonSchema }),
);

export const threadsAddStructuredInputSchema = request(
  'threads.add_structured_input',
  z.object({ thread_id: id, item_id: id, input: structuredInputResultSchema }),
);

export const threadsRetryAfterItemSchema = request(
  'threads.retry_after_item',
  // The Python SDK's request has the ids only. `input` is the message in other words.
  z.object({ thread_id: id, item_id: id, input: optional(userMessageInputSchema), if_newest: optional(z.boolean()) }),
);

export const threadsCustomActionSchema = request('threads.custom_action', customActionParams);

export const threadsSyncCustomActionSchema = request('threads.sync_custom_action', customActionParams);

export const threadsGetByIdSchema = request('threads.get_by_id', z.object({ thread_id: id }));

export const threadsListSchema = request('threads.list', z.object({ limit, order, after: optional(id) }));

export const threadsUpdateSchema = request('threads.update', z.object({ thread_id: id, title: z.string() }));

export const threadsDeleteSchema = request('threads.delete', z.object({ thread_id: id }));

export const itemsListSchema = request('items.list', z.object({ thread_id: id, limit, order, after: optional(id) }));

export const itemsFeedbackSchema = request(
  'items.feedback',
  z.object({ thread_id: id, item_ids: z.array(id), kind: z.enum(['positive', 'negative']) }),
);

export const attachmentCreateParamsSchema = z.object({
  name: z.string(),
  size: z.number().int().nonnegative(),
  mime_type: z.string(),
});

export const attachmentsCreateSchema = request('attachments.create', attachmentCreateParamsSchema);

export const attachmentsDeleteSchema = request('attachments.delete', z.object({ attachment_id: id }));

export const inputTranscribeSchema = request(
  'input.transcribe',
  z.object({ audio_base64: z.string(), mime_type: z.string() }),
);

export const runsCancelSchema = request('runs.cancel', z.object({ run_id: id }));

export const chatKitRequestSchema = z.discriminatedUnion('type', [
  threadsCreateSchema,
  threadsAddUserMessageSchema,
  threadsAddClientToolOutputSchema,
  threadsAddStructuredInputSchema,
  threadsRetryAfterItemSchema,
  threadsCustomActionSchema,
  threadsSyncCustomActionSchema,
  threadsGetByIdSchema,
  threadsListSchema,
  threadsUpdateSchema,
  threadsDeleteSchema,
  itemsListSchema,
  itemsFeedbackSchema,
  attachmentsCreateSchema,
  attachmentsDeleteSchema,
  inputTranscribeSchema,
  runsCancelSchema,
]);
