import type { ChatClient } from '@chatkit/client';
import type { AssistantMessageItem, ThreadItem, UserMessageItem } from '@chatkit/core';
import { memo } from 'react';
import { AnswerText } from '../markdown/answer-text.tsx';
import { CopyButton } from '../markdown/code-block.tsx';
import { WidgetItemView } from '../widgets/widget-item.tsx';
import { answerOf } from './answer-of.ts';
import { Approval } from './approval.tsx';
import { Sources } from './sources.tsx';
import { ToolNote } from './tool-note.tsx';
import { type Progress, WorkflowView } from './workflow.tsx';

interface MessageProps {
  client: ChatClient;
  item: ThreadItem;
  /** A message of the user's that did not reach the server, as far as is known. */
  unsent: boolean;
  streaming: boolean;
  /** How many of an answer's blocks, from the first, are not drawn yet. */
  hidden: number;
  /** Whether the user stopped it: its text may end in the middle of a word, or of something that is bold. */
  stopped: boolean;
  /** Whether the assistant is at work, for items that can be clicked. */
  busy: boolean;
  /** What the assistant says it does, for the workflow that is open. */
  progress: Progress | undefined;
}

/** Items whose buttons depend on whether the assistant is at work. */
export const isInteractive = ({ type }: ThreadItem): boolean =>
  type === 'widget' || type === 'structured_input' || type === 'client_tool_call';

/** An item of the thread. Items keep their identity while they do not change, so only the one being written renders. */
export const Message = memo(({ client, item, unsent, streaming, hidden, stopped, busy, progress }: MessageProps) => {
  switch (item.type) {
    case 'user_message':
      return <Question item={item} unsent={unsent} />;
    case 'assistant_message':
      return <Answer item={item} streaming={streaming} hidden={hidden} stopped={stopped} />;
    case 'workflow':
      return <WorkflowView item={item} running={streaming} progress={progress} />;
    case 'widget':
      return <WidgetItemView item={item} client={client} busy={busy} />;
    case 'client_tool_call':
      return <ToolNote item={item} client={client} busy={busy} />;
    case 'structured_input':
      return <Approval item={item} client={client} busy={busy} />;
    case 'task':
      return <p className="stopped">{item.task.title}</p>;
    default:
      // The demo's server sends no other kind; one from elsewhere is passed over.
      return null;
  }
});

const Question = ({ item, unsent }: { item: UserMessageItem; unsent: boolean }) => (
  <article className="question" aria-label="You" data-unsent={unsent || undefined}>
    <p dir="auto">{item.content.map((part) => part.text).join(' ')}</p>
  </article>
);

interface AnswerProps extends Pick<MessageProps, 'streaming' | 'hidden' | 'stopped'> {
  item: AssistantMessageItem;
}

const Answer = ({ item, streaming, hidden, stopped }: AnswerProps) => {
  const { text, annotations, blocks } = answerOf(item);
  return (
    <article className="answer" aria-label="Assistant" aria-busy={streaming}>
      <AnswerText id={item.id} blocks={blocks} hidden={hidden} streaming={streaming} stopped={stopped} />
      <Sources id={item.id} annotations={annotations} />
      {!streaming && text !== '' && (
        <div className="tools">
          <CopyButton text={text} label="Copy answer" />
        </div>
      )}
    </article>
  );
};
