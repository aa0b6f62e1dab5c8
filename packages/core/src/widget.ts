/** Widgets on the wire: JSON that only the client looks into. `@chatkit/core/widgets` has the components, typed. */

/** Any component. */
export interface WidgetComponent {
  type: string;
  [property: string]: unknown;
}

/** The outermost component, the only one whose type is checked. */
export interface WidgetRoot {
  type: 'Card' | 'ListView' | 'Basic';
  [property: string]: unknown;
}
