import type {
  ChatKitRequest,
  ChatKitRequestInput,
  ErrorCode,
  Page,
  StreamingRequestType,
  Thread,
  ThreadItem,
  ThreadItemOf,
  ThreadItemUpdate,
  ThreadMetadata,
  ThreadState,
  ThreadStreamEvent,
  ThreadStreamEventOf,
  UserMessageInput,
} from '@chatkit/core';
import {
  assistantMessage,
  isHiddenItem,
  isStreamingRequest,
  itemDone,
  reduceThread,
  selectItems,
  textDelta,
} from '@chatkit/core';
import { type ParsedRequest, parseRequest } from '@chatkit/core/schema';
import { describe, expectTypeOf, it } from 'vitest';

describe('the vocabulary', () => {
  it('has these types and no others', () => {
    expectTypeOf<ThreadStreamEvent['type']>().toEqualTypeOf<
      | 'thread.created'
      | 'thread.updated'
      | 'thread.item.added'
      | 'thread.item.updated'
      | 'thread.item.done'
      | 'thread.item.removed'
      | 'thread.item.replaced'
      | 'stream_options'
      | 'progress_update'
      | 'client_effect'
      | 'error'
      | 'notice'
    >();
    expectTypeOf<ThreadItem['type']>().toEqualTypeOf<
      | 'user_message'
      | 'assistant_message'
      | 'client_tool_call'
      | 'widget'
      | 'generated_image'
      | 'structured_input'
      | 'task'
      | 'workflow'
      | 'end_of_turn'
      | 'hidden_context_item'
      | 'sdk_hidden_context'
    >();
    expectTypeOf<ThreadItemUpdate['type']>().toEqualTypeOf<
      | 'assistant_message.content_part.added'
      | 'assistant_message.content_part.text_delta'
      | 'assistant_message.content_part.annotation_added'
      | 'assistant_message.content_part.done'
      | 'widget.streaming_text.value_delta'
      | 'widget.root.updated'
      | 'widget.component.updated'
      | 'workflow.task.added'
      | 'workflow.task.updated'
      | 'generated_image.updated'
    >();
    expectTypeOf<Exclude<ChatKitRequest['type'], StreamingRequestType>>().toEqualTypeOf<
      | 'threads.sync_custom_action'
      | 'threads.get_by_id'
      | 'threads.list'
      | 'threads.update'
      | 'threads.delete'
      | 'items.list'
      | 'items.feedback'
      | 'attachments.create'
      | 'attachments.delete'
      | 'input.transcribe'
      | 'runs.cancel'
    >();
  });

  it('has these error codes: a new one belongs in docs/reference/errors.md, an old one never goes away', () => {
    expectTypeOf<ErrorCode>().toEqualTypeOf<
      | 'request.invalid_json'
      | 'request.invalid'
      | 'request.unknown_type'
      | 'request.too_large'
      | 'request.too_deep'
      | 'request.unsupported_media_type'
      | 'request.method_not_allowed'
      | 'request.forbidden_origin'
      | 'request.unsupported'
      | 'request.unauthorized'
      | 'request.forbidden'
      | 'request.rate_limited'
      | 'thread.not_found'
      | 'thread.locked'
      | 'thread.closed'
      | 'thread.busy'
      | 'thread.conflict'
      | 'item.not_found'
      | 'item.wrong_type'
      | 'item.not_pending'
      | 'attachment.not_found'
      | 'attachment.unsupported'
      | 'run.not_found'
      | 'run.conflict'
      | 'run.too_many'
      | 'run.cancelled'
      | 'run.failed'
      | 'run.interrupted'
      | 'run.first_event_timeout'
      | 'run.idle_timeout'
      | 'run.total_timeout'
      | 'run.hook_timeout'
      | 'server.closing'
      | 'store.timeout'
      | 'log.expired'
      | 'log.offset_unknown'
      | 'log.closed'
      | 'event.too_large'
      | 'widget.invalid_template'
      | 'widget.render_failed'
      | 'transport.network'
      | 'transport.status'
      | 'transport.interrupted'
      | 'transport.timeout'
      | 'transport.invalid_frame'
      | 'internal'
    >();
  });

  it('tells members of unions apart by type', () => {
    expectTypeOf<ThreadItemOf<'client_tool_call'>['output']>().toEqualTypeOf<unknown>();
    expectTypeOf<ThreadItemOf<'assistant_message'>['content'][number]['text']>().toEqualTypeOf<string>();
    expectTypeOf<ThreadStreamEventOf<'notice'>['level']>().toEqualTypeOf<'info' | 'warning' | 'danger'>();
  });

  it('lets a client leave out what has a default', () => {
    expectTypeOf<{
      type: 'threads.create';
      params: { input: { content: [{ type: 'input_text'; text: 'hi' }] } };
    }>().toExtend<ChatKitRequestInput>();
    expectTypeOf<UserMessageInput['attachments']>().toEqualTypeOf<string[]>();
  });

  it('keeps a page and a thread of the shape that the contracts name', () => {
    expectTypeOf<Thread['items']>().toExtend<Page<ThreadItem>>();
    expectTypeOf<Thread>().toExtend<ThreadMetadata>();
    // @ts-expect-error a stored thread has no page of items
    expectTypeOf<ThreadMetadata>().toExtend<Thread>();
  });
});

describe('functions', () => {
  it('take and give the types of the wire', () => {
    expectTypeOf(reduceThread).toEqualTypeOf<(state: ThreadState, event: ThreadStreamEvent) => ThreadState>();
    expectTypeOf(selectItems).returns.toEqualTypeOf<readonly ThreadItem[]>();
    expectTypeOf(assistantMessage).returns.toEqualTypeOf<ThreadItemOf<'assistant_message'>>();
    expectTypeOf(itemDone).returns.toExtend<ThreadStreamEvent>();
    expectTypeOf(textDelta).parameters.toEqualTypeOf<
      [itemId: string, delta: string, contentIndex?: number | undefined]
    >();
    // @ts-expect-error every item belongs to a thread
    assistantMessage({ text: 'hi' });
  });

  it('narrow', () => {
    const item = {} as ThreadItem;
    if (isHiddenItem(item)) expectTypeOf(item.type).toEqualTypeOf<'hidden_context_item' | 'sdk_hidden_context'>();
    const request = {} as ChatKitRequest;
    if (isStreamingRequest(request)) expectTypeOf(request.type).toEqualTypeOf<StreamingRequestType>();
    const parsed = parseRequest('');
    if (parsed.ok) expectTypeOf(parsed.request).toEqualTypeOf<ChatKitRequest>();
    else expectTypeOf(parsed.path).toEqualTypeOf<string>();
    expectTypeOf(parsed).toEqualTypeOf<ParsedRequest>();
  });

  it('give states that nobody can change', () => {
    const state = {} as ThreadState;
    // @ts-expect-error a state is read-only
    state.progress = undefined;
    // @ts-expect-error and so is the list of its items
    selectItems(state).push({} as ThreadItem);
  });
});
