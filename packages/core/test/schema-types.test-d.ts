import type * as core from '@chatkit/core';
import type * as schema from '@chatkit/core/schema';
import { describe, expectTypeOf, it } from 'vitest';
import type { z } from 'zod';

/** Each schema, and the type that is written out for what it reads. */
interface Pairs {
  action: [typeof schema.actionSchema, core.Action];
  annotation: [typeof schema.annotationSchema, core.Annotation];
  assistantContent: [typeof schema.assistantMessageContentSchema, core.AssistantMessageContent];
  assistantMessage: [typeof schema.assistantMessageItemSchema, core.AssistantMessageItem];
  attachment: [typeof schema.attachmentSchema, core.Attachment];
  attachmentCreate: [typeof schema.attachmentCreateParamsSchema, core.AttachmentCreateParams];
  clientEffect: [typeof schema.clientEffectEventSchema, core.ClientEffectEvent];
  clientToolCall: [typeof schema.clientToolCallItemSchema, core.ClientToolCallItem];
  customSummary: [typeof schema.customSummarySchema, core.CustomSummary];
  customTask: [typeof schema.customTaskSchema, core.CustomTask];
  durationSummary: [typeof schema.durationSummarySchema, core.DurationSummary];
  endOfTurn: [typeof schema.endOfTurnItemSchema, core.EndOfTurnItem];
  entitySource: [typeof schema.entitySourceSchema, core.EntitySource];
  errorEvent: [typeof schema.errorEventSchema, core.ErrorEvent];
  event: [typeof schema.threadStreamEventSchema, core.ThreadStreamEvent];
  fileAttachment: [typeof schema.fileAttachmentSchema, core.FileAttachment];
  fileSource: [typeof schema.fileSourceSchema, core.FileSource];
  fileTask: [typeof schema.fileTaskSchema, core.FileTask];
  freeform: [typeof schema.freeformInputSchema, core.FreeformInput];
  hiddenContext: [typeof schema.hiddenContextItemSchema, core.HiddenContextItem];
  image: [typeof schema.generatedImageSchema, core.GeneratedImage];
  imageAttachment: [typeof schema.imageAttachmentSchema, core.ImageAttachment];
  imageItem: [typeof schema.generatedImageItemSchema, core.GeneratedImageItem];
  imageTask: [typeof schema.imageTaskSchema, core.ImageTask];
  inference: [typeof schema.inferenceOptionsSchema, core.InferenceOptions];
  item: [typeof schema.threadItemSchema, core.ThreadItem];
  itemAdded: [typeof schema.threadItemAddedEventSchema, core.ThreadItemAddedEvent];
  itemDone: [typeof schema.threadItemDoneEventSchema, core.ThreadItemDoneEvent];
  itemRemoved: [typeof schema.threadItemRemovedEventSchema, core.ThreadItemRemovedEvent];
  itemReplaced: [typeof schema.threadItemReplacedEventSchema, core.ThreadItemReplacedEvent];
  itemUpdated: [typeof schema.threadItemUpdatedEventSchema, core.ThreadItemUpdatedEvent];
  multipleChoice: [typeof schema.multipleChoiceInputSchema, core.MultipleChoiceInput];
  notice: [typeof schema.noticeEventSchema, core.NoticeEvent];
  progress: [typeof schema.progressUpdateEventSchema, core.ProgressUpdateEvent];
  request: [typeof schema.chatKitRequestSchema, core.ChatKitRequest];
  sdkHiddenContext: [typeof schema.sdkHiddenContextItemSchema, core.SdkHiddenContextItem];
  source: [typeof schema.sourceSchema, core.Source];
  status: [typeof schema.threadStatusSchema, core.ThreadStatus];
  statusIndicator: [typeof schema.statusIndicatorSchema, core.StatusIndicator];
  streamOptions: [typeof schema.streamOptionsSchema, core.StreamOptions];
  streamOptionsEvent: [typeof schema.streamOptionsEventSchema, core.StreamOptionsEvent];
  structuredAnswer: [typeof schema.structuredInputAnswerSchema, core.StructuredInputAnswer];
  structuredInput: [typeof schema.structuredInputSchema, core.StructuredInput];
  structuredItem: [typeof schema.structuredInputItemSchema, core.StructuredInputItem];
  structuredResult: [typeof schema.structuredInputResultSchema, core.StructuredInputResult];
  task: [typeof schema.taskSchema, core.Task];
  taskItem: [typeof schema.taskItemSchema, core.TaskItem];
  thought: [typeof schema.thoughtTaskSchema, core.ThoughtTask];
  thread: [typeof schema.threadSchema, core.Thread];
  threadCreated: [typeof schema.threadCreatedEventSchema, core.ThreadCreatedEvent];
  threadMetadata: [typeof schema.threadMetadataSchema, core.ThreadMetadata];
  threadUpdated: [typeof schema.threadUpdatedEventSchema, core.ThreadUpdatedEvent];
  update: [typeof schema.threadItemUpdateSchema, core.ThreadItemUpdate];
  upload: [typeof schema.uploadDescriptorSchema, core.UploadDescriptor];
  urlSource: [typeof schema.urlSourceSchema, core.UrlSource];
  userMessage: [typeof schema.userMessageItemSchema, core.UserMessageItem];
  userMessageInput: [typeof schema.userMessageInputSchema, core.UserMessageInput];
  userMessagePart: [typeof schema.userMessageContentSchema, core.UserMessageContent];
  userTag: [typeof schema.userTagContentSchema, core.UserTagContent];
  userText: [typeof schema.userTextContentSchema, core.UserTextContent];
  webSearch: [typeof schema.webSearchTaskSchema, core.WebSearchTask];
  widget: [typeof schema.widgetItemSchema, core.WidgetItem];
  widgetComponent: [typeof schema.widgetComponentSchema, core.WidgetComponent];
  widgetRoot: [typeof schema.widgetRootSchema, core.WidgetRoot];
  workflow: [typeof schema.workflowSchema, core.Workflow];
  workflowItem: [typeof schema.workflowItemSchema, core.WorkflowItem];
}

/** The names of the pairs whose two types are not one. */
type Different = {
  [K in keyof Pairs]: Pairs[K] extends [infer S extends z.ZodType, infer T]
    ? Same<Flat<z.output<S>>, Flat<T>> extends true
      ? never
      : K
    : K;
}[keyof Pairs];

/** Identical, so a field that is optional, `any` or read-only on one side only is a difference. */
type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;

/** Intersections written out, at every depth: `{ a } & { b }` and `{ a; b }` are one type. */
type Flat<T> = T extends (infer E)[] ? Flat<E>[] : T extends object ? { [K in keyof T]: Flat<T[K]> } : T;

describe('the types that are written out', () => {
  it('are those that the schemas read', () => {
    expectTypeOf<Different>().toEqualTypeOf<never>();
  });

  it('are accepted as a client may write them', () => {
    expectTypeOf<core.ChatKitRequestInput>().toExtend<z.input<typeof schema.chatKitRequestSchema>>();
  });

  it('tell a difference', () => {
    expectTypeOf<Same<Flat<{ a: 1 } & { b: [{ c: 2 }] }>, Flat<{ a: 1; b: [{ c: 2 }] }>>>().toEqualTypeOf<true>();
    expectTypeOf<Same<Flat<{ a?: 1 }>, Flat<{ a: 1 }>>>().toEqualTypeOf<false>();
    expectTypeOf<Same<Flat<{ a?: 1 }>, Flat<{ a?: 1 | undefined }>>>().toEqualTypeOf<false>();
  });
});
