/**
 * Draws the widget components that this demo uses, and their plain relatives. Of one that it does not know, the
 * children.
 */
import type { WidgetComponent, WidgetRoot } from '@chatkit/core';
import type { ActionConfig } from '@chatkit/core/widgets';
import type { ReactNode } from 'react';

export interface WidgetContext {
  readonly busy: boolean;
  /** The action that is being answered. */
  readonly loading: ActionConfig | undefined;
  readonly run: (action: ActionConfig) => void;
}

interface NodeProps {
  node: WidgetComponent | WidgetRoot;
  context: WidgetContext;
}

export const WidgetNode = ({ node, context }: NodeProps): ReactNode => {
  const children = childrenOf(node).map((child, index) => (
    <WidgetNode key={keyOf(child) ?? index} node={child} context={context} />
  ));
  const value = textOf(node, 'value');
  const action = actionOf(node);
  switch (node.type) {
    case 'Card':
      return <div className="w-card">{children}</div>;
    case 'ListView':
      return <ul className="w-list">{children}</ul>;
    case 'ListViewItem':
      return (
        <li>
          {action === undefined ? (
            <div className="w-row">{children}</div>
          ) : (
            <ActionButton action={action} context={context} className="w-row">
              {children}
            </ActionButton>
          )}
        </li>
      );
    case 'Row':
      return <span className="w-flex">{children}</span>;
    case 'Title':
      return <strong className="w-title">{value}</strong>;
    case 'Text':
    case 'Markdown':
    case 'Label':
      return (
        <span className="w-text" data-weight={textOf(node, 'weight')}>
          {value}
        </span>
      );
    case 'Caption':
      return <span className="w-caption">{value}</span>;
    case 'Badge':
      return <span className="w-badge">{textOf(node, 'label')}</span>;
    case 'Divider':
      return <hr />;
    case 'Button':
      return action === undefined ? null : (
        <ActionButton action={action} context={context} className="small">
          {textOf(node, 'label')}
        </ActionButton>
      );
    default:
      return <span className="w-col">{children}</span>;
  }
};

interface ActionButtonProps {
  action: ActionConfig;
  context: WidgetContext;
  className: string;
  children: ReactNode;
}

/** While the assistant is at work it does nothing, but keeps the focus, which a button that is `disabled` loses. */
const ActionButton = ({ action, context, className, children }: ActionButtonProps) => (
  <button
    type="button"
    className={className}
    aria-disabled={context.busy || undefined}
    aria-busy={context.loading === action || undefined}
    onClick={context.busy ? undefined : () => context.run(action)}
  >
    {children}
  </button>
);

const read = (node: object, name: string): unknown => (node as Record<string, unknown>)[name];

const textOf = (node: object, name: string): string | undefined => {
  const value = read(node, name);
  return typeof value === 'string' ? value : undefined;
};

const keyOf = (node: object): string | undefined => textOf(node, 'key') ?? textOf(node, 'id');

const childrenOf = (node: object): WidgetComponent[] => {
  const children = read(node, 'children');
  if (Array.isArray(children)) return children as WidgetComponent[];
  return typeof children === 'object' && children !== null ? [children as WidgetComponent] : [];
};

const actionOf = (node: object): ActionConfig | undefined => {
  const action = read(node, 'onClickAction');
  return typeof action === 'object' && action !== null ? (action as ActionConfig) : undefined;
};
