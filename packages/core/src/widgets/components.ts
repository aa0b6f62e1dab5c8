/**
 * Typed builders of widget components. The types describe what the official client understands. Nothing is checked at
 * run time, and a component with properties not listed here is sent unchanged. Colours, sizes and icon names are open
 * sets: known tokens, or any string.
 */
import type { WidgetComponent } from '../widget.ts';

/** A colour for each theme. */
export type ThemeColor = { dark: string; light: string };
/** A token such as `secondary`, a primitive such as `red-100`, any CSS colour, or one for each theme. */
export type Color = string | ThemeColor;
/** Units of spacing, or any CSS length. */
export type Size = number | string;
export type Spacing = { top?: Size; right?: Size; bottom?: Size; left?: Size; x?: Size; y?: Size };
export type Border = {
  /** Pixels. */
  size: number;
  color?: Color;
  style?: 'solid' | 'dashed' | 'dotted' | 'double' | 'groove' | 'ridge' | 'inset' | 'outset';
};
export type Borders = {
  top?: number | Border;
  right?: number | Border;
  bottom?: number | Border;
  left?: number | Border;
  x?: number | Border;
  y?: number | Border;
};
export type Radius = '2xs' | 'xs' | 'sm' | 'md' | 'lg' | 'xl' | '2xl' | '3xl' | '4xl' | 'full' | '100%' | 'none';
export type Alignment = 'start' | 'center' | 'end' | 'baseline' | 'stretch';
export type Justification = 'start' | 'center' | 'end' | 'between' | 'around' | 'evenly' | 'stretch';
export type TextAlign = 'start' | 'center' | 'end';
export type TextSize = 'xs' | 'sm' | 'md' | 'lg' | 'xl';
export type FontWeight = 'normal' | 'medium' | 'semibold' | 'bold';
export type ControlVariant = 'solid' | 'soft' | 'outline' | 'ghost';
export type ControlSize = '3xs' | '2xs' | 'xs' | 'sm' | 'md' | 'lg' | 'xl' | '2xl' | '3xl';
export type WidgetStatus = { text: string; favicon?: string; frame?: boolean } | { text: string; icon?: string };

/** What happens when the user acts on a component. */
export type ActionConfig = {
  type: string;
  /** Any JSON; values of form fields are merged into it. */
  payload?: unknown;
  /** Default `server`: a `threads.custom_action` request. `client`: the page's own handler. */
  handler?: 'server' | 'client';
  /** What shows that the action is in progress. Default `auto`. */
  loadingBehavior?: 'auto' | 'none' | 'self' | 'container';
  /**
   * `false` asks for a single answer (`threads.sync_custom_action`), which works even while a response is streaming.
   */
  streaming?: boolean;
};

type Base = { id?: string; key?: string };
type Children = WidgetComponent | WidgetComponent[];
type Block = {
  height?: Size;
  width?: Size;
  size?: Size;
  minHeight?: Size;
  minWidth?: Size;
  minSize?: Size;
  maxHeight?: Size;
  maxWidth?: Size;
  maxSize?: Size;
  aspectRatio?: Size;
};
type BoxBase = Block & {
  children?: Children;
  align?: Alignment;
  justify?: Justification;
  wrap?: 'nowrap' | 'wrap' | 'wrap-reverse';
  flex?: Size;
  gap?: Size;
  padding?: Size | Spacing;
  margin?: Size | Spacing;
  border?: number | Border | Borders;
  radius?: Radius;
  background?: Color;
};
type TextBase<S> = {
  value: string;
  color?: Color;
  weight?: FontWeight;
  size?: S;
  textAlign?: TextAlign;
  truncate?: boolean;
  maxLines?: number;
};
type CardAction = { label: string; action: ActionConfig };
type Field = { name: string; disabled?: boolean; required?: boolean };
type TextField = Field & {
  defaultValue?: string;
  pattern?: string;
  placeholder?: string;
  autoSelect?: boolean;
  autoFocus?: boolean;
  allowAutofillExtensions?: boolean;
  variant?: 'soft' | 'outline';
  size?: ControlSize;
  gutterSize?: '2xs' | 'xs' | 'sm' | 'md' | 'lg' | 'xl';
};
type Picker = {
  name: string;
  onChangeAction?: ActionConfig;
  placeholder?: string;
  variant?: ControlVariant;
  size?: ControlSize;
  pill?: boolean;
  block?: boolean;
  clearable?: boolean;
  disabled?: boolean;
};
type Series = { dataKey: string; label?: string; color?: Color };
type CurveType =
  | 'basis'
  | 'basisClosed'
  | 'basisOpen'
  | 'bumpX'
  | 'bumpY'
  | 'bump'
  | 'linear'
  | 'linearClosed'
  | 'natural'
  | 'monotoneX'
  | 'monotoneY'
  | 'monotone'
  | 'step'
  | 'stepBefore'
  | 'stepAfter';

/** The properties of every component, by its type. */
export type WidgetProps = {
  Card: {
    children?: Children;
    asForm?: boolean;
    background?: Color;
    border?: number | Border | Borders;
    size?: 'sm' | 'md' | 'lg' | 'full';
    padding?: Size | Spacing;
    status?: WidgetStatus;
    collapsed?: boolean;
    confirm?: CardAction;
    cancel?: CardAction;
    theme?: 'light' | 'dark';
  };
  ListView: { children: WidgetComponent[]; limit?: number | 'auto'; status?: WidgetStatus; theme?: 'light' | 'dark' };
  ListViewItem: { children: Children; onClickAction?: ActionConfig; gap?: Size; align?: Alignment };
  Basic: {
    children?: Children;
    theme?: 'light' | 'dark';
    direction?: 'row' | 'col';
    gap?: Size;
    padding?: Size | Spacing;
    align?: Alignment;
    justify?: Justification;
  };
  Box: BoxBase & { direction?: 'row' | 'col' };
  Form: BoxBase & { direction?: 'row' | 'col'; onSubmitAction?: ActionConfig };
  Row: BoxBase;
  Col: BoxBase;
  Text: TextBase<TextSize> & {
    /** Whether more text will come. Only texts with an `id` are streamed piece by piece. */
    streaming?: boolean;
    italic?: boolean;
    lineThrough?: boolean;
    width?: Size;
    minLines?: number;
    editable?:
      | false
      | {
          name: string;
          autoFocus?: boolean;
          autoSelect?: boolean;
          autoComplete?: string;
          allowAutofillExtensions?: boolean;
          pattern?: string;
          placeholder?: string;
          required?: boolean;
        };
  };
  Title: TextBase<'sm' | 'md' | 'lg' | 'xl' | '2xl' | '3xl' | '4xl' | '5xl'>;
  Caption: TextBase<'sm' | 'md' | 'lg'>;
  Markdown: {
    value: string;
    /** Whether more text will come. Only texts with an `id` are streamed piece by piece. */
    streaming?: boolean;
  };
  Badge: {
    label: string;
    color?: 'secondary' | 'success' | 'danger' | 'warning' | 'info' | 'discovery';
    variant?: 'solid' | 'soft' | 'outline';
    size?: 'sm' | 'md' | 'lg';
    pill?: boolean;
  };
  Icon: { name: string; color?: Color; size?: 'xs' | 'sm' | 'md' | 'lg' | 'xl' | '2xl' | '3xl' };
  Image: Block & {
    src: string;
    alt?: string;
    fit?: 'cover' | 'contain' | 'fill' | 'scale-down' | 'none';
    position?:
      | 'top left'
      | 'top'
      | 'top right'
      | 'left'
      | 'center'
      | 'right'
      | 'bottom left'
      | 'bottom'
      | 'bottom right';
    frame?: boolean;
    flush?: boolean;
    radius?: Radius;
    margin?: Size | Spacing;
    background?: Color;
    flex?: Size;
  };
  Button: {
    label?: string;
    submit?: boolean;
    onClickAction?: ActionConfig;
    iconStart?: string;
    iconEnd?: string;
    style?: 'primary' | 'secondary';
    iconSize?: 'sm' | 'md' | 'lg' | 'xl' | '2xl';
    color?: 'primary' | 'secondary' | 'info' | 'discovery' | 'success' | 'caution' | 'warning' | 'danger';
    variant?: ControlVariant;
    size?: ControlSize;
    pill?: boolean;
    uniform?: boolean;
    block?: boolean;
    disabled?: boolean;
  };
  Divider: { color?: Color; size?: Size; spacing?: Size; flush?: boolean };
  Spacer: { minSize?: Size };
  Transition: { children?: WidgetComponent };
  Input: TextField & { inputType?: 'number' | 'email' | 'text' | 'password' | 'tel' | 'url'; pill?: boolean };
  Textarea: TextField & { rows?: number; autoResize?: boolean; maxRows?: number };
  Select: Picker & {
    options: { value: string; label: string; disabled?: boolean; description?: string }[];
    defaultValue?: string;
    searchable?: boolean;
  };
  DatePicker: Picker & {
    /** ISO 8601, as `min` and `max`. */
    defaultValue?: string;
    min?: string;
    max?: string;
    side?: 'top' | 'bottom' | 'left' | 'right';
    align?: 'start' | 'center' | 'end';
  };
  Checkbox: Field & { label?: string; defaultChecked?: boolean; onChangeAction?: ActionConfig };
  RadioGroup: Field & {
    options?: { label: string; value: string; disabled?: boolean }[];
    ariaLabel?: string;
    onChangeAction?: ActionConfig;
    defaultValue?: string;
    direction?: 'row' | 'col';
  };
  Label: {
    value: string;
    fieldName: string;
    size?: TextSize;
    weight?: FontWeight;
    textAlign?: TextAlign;
    color?: Color;
  };
  Chart: Block & {
    data: Record<string, string | number>[];
    series: (
      | (Series & { type: 'bar'; stack?: string })
      | (Series & { type: 'area'; stack?: string; curveType?: CurveType })
      | (Series & { type: 'line'; curveType?: CurveType })
    )[];
    xAxis: string | { dataKey: string; hide?: boolean; labels?: Record<string, string> };
    showYAxis?: boolean;
    showLegend?: boolean;
    showTooltip?: boolean;
    barGap?: number;
    barCategoryGap?: number;
    flex?: Size;
  };
  Table: { children: WidgetComponent[] };
  'Table.Row': { children: WidgetComponent[]; header?: boolean };
  'Table.Cell': {
    children?: Children;
    width?: Size;
    padding?: Size | Spacing;
    colSpan?: number;
    rowSpan?: number;
    align?: Alignment;
    vAlign?: 'start' | 'center' | 'end';
    colSize?: string;
  };
};

/** The type of a component that is known here. */
export type WidgetType = keyof WidgetProps;
/** A component of one type: `Widget<'Button'>`. */
export type Widget<T extends WidgetType = WidgetType> = T extends WidgetType
  ? { type: T } & Base & WidgetProps[T]
  : never;

/** As from a condition: an optional prop may be `undefined`, which is left out on the wire. */
type Given<P> = { [Name in keyof P]: P extends Required<Pick<P, Name>> ? P[Name] : P[Name] | undefined };

const component =
  <T extends WidgetType>(type: T) =>
  (props: Given<Base & WidgetProps[T]>): Widget<T> =>
    ({ type, ...props }) as unknown as Widget<T>;

/** Root: a card, optionally a form with buttons to confirm and cancel. */
export const card = component('Card');
/** Root: a list of `listViewItem`s. */
export const listView = component('ListView');
/** Root without a frame of its own. */
export const basic = component('Basic');

/** One row of a `ListView`; with `onClickAction` the whole row is a button. */
export const listViewItem = component('ListViewItem');
/** A container with a direction, padding, border and background of its own. */
export const box = component('Box');
/** Fields that are sent together by `onSubmitAction`. */
export const form = component('Form');
/** Children from left to right. */
export const row = component('Row');
/** Children from top to bottom. */
export const col = component('Col');
/**
 * Text, streamed piece by piece when it has an `id`.
 *
 * @example
 * text({ id: 'answer', value: 'Hel', streaming: true });
 */
export const text = component('Text');
/** A heading. */
export const title = component('Title');
/** Small text beside something. */
export const caption = component('Caption');
/** Markdown, streamed piece by piece when it has an `id`. */
export const markdown = component('Markdown');
/** A short label in a coloured pill. */
export const badge = component('Badge');
/** An icon by its name. */
export const icon = component('Icon');
/** A picture by its URL. */
export const image = component('Image');
/** Sends `onClickAction`, or submits the form around it. */
export const button = component('Button');
/** A thin line between neighbours. */
export const divider = component('Divider');
/** Room that pushes its neighbours apart. */
export const spacer = component('Spacer');
/** Animates the change of its one child. */
export const transition = component('Transition');
/** A field for one line of text. */
export const input = component('Input');
/** A field for several lines of text. */
export const textarea = component('Textarea');
/** A field for one of many options. */
export const select = component('Select');
/** A field for a day. */
export const datePicker = component('DatePicker');
/** A field that is on or off. */
export const checkbox = component('Checkbox');
/** A field for one of a few options, all of them visible. */
export const radioGroup = component('RadioGroup');
/** The caption of the field `fieldName`. */
export const label = component('Label');
/** Bars, areas and lines over `data`. */
export const chart = component('Chart');
/** Rows of cells. */
export const table = component('Table');
/** A row of a `Table`. */
export const tableRow = component('Table.Row');
/** A cell of a `Table.Row`. */
export const tableCell = component('Table.Cell');

/**
 * What happens on a click, a change or a submit, with the Python SDK's defaults written out.
 *
 * @example
 * button({ label: 'Book', onClickAction: action('book', { flight: 'LH 123' }) });
 */
export const action = (
  type: string,
  payload?: unknown,
  options: Pick<ActionConfig, 'handler' | 'loadingBehavior' | 'streaming'> = {},
): ActionConfig => ({
  type,
  ...(payload === undefined ? {} : { payload }),
  handler: options.handler ?? 'server',
  loadingBehavior: options.loadingBehavior ?? 'auto',
  streaming: options.streaming ?? true,
});
