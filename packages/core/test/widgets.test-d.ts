import type { WidgetComponent, WidgetRoot } from '@chatkit/core';
import { action, basic, button, card, col, listView, listViewItem, text, type Widget } from '@chatkit/core/widgets';
import { describe, expectTypeOf, it } from 'vitest';

describe('widgets', () => {
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
