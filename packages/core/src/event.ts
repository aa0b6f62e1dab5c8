/** Events: the facts on a stream. Types only, inferred from `@chatkit/core/schema`. */
import type * as z from 'zod';
import type * as event from './schema/event.ts';
import type { threadItemUpdateSchema } from './schema/update.ts';

/** Any event on a stream, told apart by `type`. A peer may send types that are not listed here: ignore those. */
export type ThreadStreamEvent = z.output<typeof event.threadStreamEventSchema>;
/** The event of one type: `ThreadStreamEventOf<'notice'>`. */
export type ThreadStreamEventOf<T extends ThreadStreamEvent['type']> = Extract<ThreadStreamEvent, { type: T }>;

export type ThreadCreatedEvent = z.output<typeof event.threadCreatedEventSchema>;
export type ThreadUpdatedEvent = z.output<typeof event.threadUpdatedEventSchema>;
export type ThreadItemAddedEvent = z.output<typeof event.threadItemAddedEventSchema>;
export type ThreadItemUpdatedEvent = z.output<typeof event.threadItemUpdatedEventSchema>;
export type ThreadItemDoneEvent = z.output<typeof event.threadItemDoneEventSchema>;
export type ThreadItemRemovedEvent = z.output<typeof event.threadItemRemovedEventSchema>;
export type ThreadItemReplacedEvent = z.output<typeof event.threadItemReplacedEventSchema>;
export type StreamOptions = z.output<typeof event.streamOptionsSchema>;
export type StreamOptionsEvent = z.output<typeof event.streamOptionsEventSchema>;
export type ProgressUpdateEvent = z.output<typeof event.progressUpdateEventSchema>;
export type ClientEffectEvent = z.output<typeof event.clientEffectEventSchema>;
export type ErrorEvent = z.output<typeof event.errorEventSchema>;
export type NoticeEvent = z.output<typeof event.noticeEventSchema>;

/** Any change that `thread.item.updated` carries, told apart by `type`. */
export type ThreadItemUpdate = z.output<typeof threadItemUpdateSchema>;
/** The update of one type: `ThreadItemUpdateOf<'workflow.task.added'>`. */
export type ThreadItemUpdateOf<T extends ThreadItemUpdate['type']> = Extract<ThreadItemUpdate, { type: T }>;
