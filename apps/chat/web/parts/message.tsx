import type { AssistantMessageItem, ThreadItem, UserMessageItem } from '@chatkit/core';
import { memo } from 'react';
import { AnswerText } from '../markdown/answer-text.tsx';
import { CopyButton } from '../markdown/code-block.tsx';
import { Sources } from './sources.tsx';

interface MessageProps {
  item: ThreadItem;
  streaming: boolean;
  stopped: boolean;
}

/** An item of the thread. Items keep their identity while they do not change, so only the one being written renders. */
export const Message = memo(({ item, streaming, stopped }: MessageProps) => {
  switch (item.type) {
    case 'user_message':
      return <Question item={item} />;
    case 'assistant_message':
      return <Answer item={item} streaming={streaming} stopped={stopped} />;
    default:
      // The demo's server sends no other kind; one from elsewhere is passed over.
      return null;
  }
});

const Question = ({ item }: { item: UserMessageItem }) => (
  <article className="question" aria-label="You">
    <p>{item.content.map((part) => part.text).join(' ')}</p>
  </article>
);

const Answer = ({ item, streaming, stopped }: { item: AssistantMessageItem; streaming: boolean; stopped: boolean }) => {
  const text = item.content.map((part) => part.text).join('\n\n');
  const annotations = item.content.flatMap((part) => part.annotations);
  return (
    <article className="answer" aria-label="Assistant" aria-busy={streaming}>
      <AnswerText id={item.id} text={text} annotations={annotations} streaming={streaming} />
      {stopped && <p className="stopped">You stopped this answer.</p>}
      <Sources id={item.id} annotations={annotations} />
      {!streaming && text !== '' && (
        <div className="tools">
          <CopyButton text={text} label="Copy answer" />
        </div>
      )}
    </article>
  );
};
