/**
 * The types of widgets on the wire: JSON that only the client interprets. `@chatkit/core/widgets` has typed components.
 */

/** Any component. */
export interface WidgetComponent {
  type: string;
  [property: string]: unknown;
}

/** The root component, the only one whose type is checked. */
export interface WidgetRoot {
  type: 'Card' | 'ListView' | 'Basic';
  [property: string]: unknown;
}
