import type { ChatClient } from '@chatkit/client';
import type { AssistantMessageItem, ThreadItem } from '@chatkit/core';
import { memo } from 'react';
import { AnswerText } from '../markdown/answer-text.tsx';
import { CopyButton } from '../markdown/code-block.tsx';
import { WidgetItemView } from '../widgets/widget-item.tsx';
import { answerOf } from './answer-of.ts';
import { Approval } from './approval.tsx';
import { Question, type QuestionProps } from './question.tsx';
import { Sources } from './sources.tsx';
import { ToolNote } from './tool-note.tsx';
import { type Progress, WorkflowView } from './workflow.tsx';

interface MessageProps extends Omit<QuestionProps, 'item'> {
  client: ChatClient;
  item: ThreadItem;
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
export const Message = memo((props: MessageProps) => {
  const { client, item, streaming, busy, progress } = props;
  switch (item.type) {
    case 'user_message':
      return <Question {...props} item={item} />;
    case 'assistant_message':
      return <Answer {...props} item={item} />;
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
