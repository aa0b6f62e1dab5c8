import type { ChatClient } from '@chatkit/client';
import type { WidgetItem } from '@chatkit/core';
import type { ActionConfig } from '@chatkit/core/widgets';
import { useState } from 'react';
import { WidgetNode } from './widget-node.tsx';

interface WidgetItemProps {
  item: WidgetItem;
  client: ChatClient;
  busy: boolean;
}

/** A widget of the thread: draws it, and hands its actions to the server. */
export const WidgetItemView = ({ item, client, busy }: WidgetItemProps) => {
  const [loading, setLoading] = useState<ActionConfig | undefined>();
  const run = async (action: ActionConfig) => {
    if (action.handler === 'client') return;
    setLoading(action);
    const { type, payload } = action;
    const sent = { type, ...(payload === undefined ? {} : { payload }) };
    try {
      if (action.streaming === false) await client.sendSyncAction(sent, { itemId: item.id });
      else await client.sendAction(sent, { itemId: item.id }).done;
    } catch {
      // A refused action changes nothing; the widget stays as it is.
    } finally {
      setLoading(undefined);
    }
  };
  return (
    <section className="widget" aria-label="Widget">
      <WidgetNode node={item.widget} context={{ busy, loading, run }} />
    </section>
  );
};
