import type { WidgetComponent, WidgetRoot } from '@chatkit/core';
import { action, basic, button, card, col, listView, listViewItem, text, type Widget } from '@chatkit/core/widgets';
import { describe, expectTypeOf, it } from 'vitest';

describe('widgets', () => {
  it('takes a prop that is undefined for one that is not given', () => {
    const unset = undefined as string | undefined;
    button({ label: unset, onClickAction: unset === undefined ? undefined : action(unset) });
    card({ id: unset, status: undefined, children: undefined });
    // @ts-expect-error a required prop is required
    text({ value: unset });
  });

  it('are checked while they are written', () => {
    card({ size: 'sm', children: [text({ value: 'x', id: 't' }), button({ onClickAction: action('a') })] });
    // @ts-expect-error a text needs a value
    text({});
    // @ts-expect-error there is no such size
    card({ size: 'huge' });
    // @ts-expect-error there is no such property
    button({ lable: 'x' });
  });

  it('are components, and the three roots are roots', () => {
    expectTypeOf(card({})).toExtend<WidgetRoot>();
    expectTypeOf(basic({})).toExtend<WidgetRoot>();
    expectTypeOf(listView({ children: [listViewItem({ children: [] })] })).toExtend<WidgetRoot>();
    expectTypeOf(col({})).toExtend<WidgetComponent>();
    expectTypeOf(col({})).not.toExtend<WidgetRoot>();
    expectTypeOf<Widget<'Button'>['type']>().toEqualTypeOf<'Button'>();
  });
});
