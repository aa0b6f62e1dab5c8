import type { ChatClient } from '@chatkit/client';
import type { ClientToolCallItem } from '@chatkit/core';
import { describeToolCall, runClientTool } from '../client-tools.ts';
import { PageIcon } from './icons.tsx';

interface ToolNoteProps {
  item: ClientToolCallItem;
  client: ChatClient;
  busy: boolean;
}

/** What the assistant asked of this page. A call that was left waiting, by a reload at that moment, can be done now. */
export const ToolNote = ({ item, client, busy }: ToolNoteProps) => {
  const waits = item.status === 'pending' && !busy;
  const runNow = () => {
    const { name, arguments: args, call_id: callId, id: itemId, thread_id: threadId } = item;
    const signal = new AbortController().signal;
    client.addToolOutput(runClientTool({ name, arguments: args, callId, itemId, threadId, signal }), { itemId });
  };
  return (
    <p className="tool-note" data-testid="tool-note">
      <PageIcon />
      <span>{describeToolCall(item)}</span>
      {waits && (
        <button type="button" className="small" onClick={runNow}>
          Do it now
        </button>
      )}
    </p>
  );
};
