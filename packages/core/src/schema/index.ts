// The zod schemas behind every type of `@chatkit/core`. Servers parse with them; browsers never load this entry.

export {
  attachmentSchema,
  fileAttachmentSchema,
  imageAttachmentSchema,
  uploadDescriptorSchema,
} from './attachment.ts';
export {
  assistantMessageContentSchema,
  inferenceOptionsSchema,
  userMessageContentSchema,
  userTagContentSchema,
  userTextContentSchema,
} from './content.ts';
export {
  clientEffectEventSchema,
  errorEventSchema,
  noticeEventSchema,
  progressUpdateEventSchema,
  streamOptionsEventSchema,
  streamOptionsSchema,
  threadCreatedEventSchema,
  threadItemAddedEventSchema,
  threadItemDoneEventSchema,
  threadItemRemovedEventSchema,
  threadItemReplacedEventSchema,
  threadItemUpdatedEventSchema,
  threadStreamEventSchema,
  threadUpdatedEventSchema,
} from './event.ts';
export {
  assistantMessageItemSchema,
  clientToolCallItemSchema,
  endOfTurnItemSchema,
  generatedImageItemSchema,
  generatedImageSchema,
  hiddenContextItemSchema,
  sdkHiddenContextItemSchema,
  structuredInputItemSchema,
  taskItemSchema,
  threadItemSchema,
  userMessageItemSchema,
  widgetItemSchema,
  workflowItemSchema,
} from './item.ts';
export {
  type ParsedRequest,
  type ParseRequestOptions,
  parseRequest,
} from './parse-request.ts';
export {
  actionSchema,
  attachmentCreateParamsSchema,
  attachmentsCreateSchema,
  attachmentsDeleteSchema,
  chatKitRequestSchema,
  inputTranscribeSchema,
  itemsFeedbackSchema,
  itemsListSchema,
  runsCancelSchema,
  threadsAddClientToolOutputSchema,
  threadsAddStructuredInputSchema,
  threadsAddUserMessageSchema,
  threadsCreateSchema,
  threadsCustomActionSchema,
  threadsDeleteSchema,
  threadsGetByIdSchema,
  threadsListSchema,
  threadsRetryAfterItemSchema,
  threadsSyncCustomActionSchema,
  threadsUpdateSchema,
  userMessageInputSchema,
} from './request.ts';
export {
  annotationSchema,
  entitySourceSchema,
  fileSourceSchema,
  sourceSchema,
  urlSourceSchema,
} from './source.ts';
export {
  freeformInputSchema,
  multipleChoiceInputSchema,
  structuredInputAnswerSchema,
  structuredInputResultSchema,
  structuredInputSchema,
} from './structured-input.ts';
export {
  customSummarySchema,
  customTaskSchema,
  durationSummarySchema,
  fileTaskSchema,
  imageTaskSchema,
  statusIndicatorSchema,
  taskSchema,
  thoughtTaskSchema,
  webSearchTaskSchema,
  workflowSchema,
} from './task.ts';
export {
  pageSchema,
  threadMetadataSchema,
  threadSchema,
  threadStatusSchema,
} from './thread.ts';
export {
  contentPartAddedSchema,
  contentPartAnnotationAddedSchema,
  contentPartDoneSchema,
  contentPartTextDeltaSchema,
  generatedImageUpdatedSchema,
  threadItemUpdateSchema,
  widgetComponentUpdatedSchema,
  widgetRootUpdatedSchema,
  widgetStreamingTextDeltaSchema,
  workflowTaskAddedSchema,
  workflowTaskUpdatedSchema,
} from './update.ts';
export {
  widgetComponentSchema,
  widgetRootSchema,
} from './widget.ts';
