/** Sources: what an annotation points at. */

/** A mark in an answer's text that points at a source: a citation. */
export type Annotation = {
  type: 'annotation';
  source: Source;
  /** Where it stands: a character position in the text of its part. Absent: it belongs to the whole part. */
  index?: number | undefined;
};

/** A file, a page on the web, or an entity that the application knows; told apart by `type`. */
export type Source = FileSource | UrlSource | EntitySource;

/** What all sources have. */
type SourceBase = {
  title: string;
  description?: string | undefined;
  /** When the source was made or changed. Shown as it is. */
  timestamp?: string | undefined;
  /** Sources of one group are listed together under this heading. */
  group?: string | undefined;
};

/** A file that the assistant used. */
export type FileSource = SourceBase & {
  type: 'file';
  filename: string;
};

/** A page that the assistant used. */
export type UrlSource = SourceBase & {
  type: 'url';
  url: string;
  /** Who published it, for example the name of the site. */
  attribution?: string | undefined;
};

/** A thing of the application: a customer, an order, a ticket. */
export type EntitySource = SourceBase & {
  type: 'entity';
  /** Your id of it. */
  id: string;
  icon?: string | undefined;
  /** Beside the icon in what the client shows on hover, where the page gives no preview of its own. */
  label?: string | undefined;
  /** What the mark in the text says. Default: the icon alone. */
  inline_label?: string | undefined;
  /** Whether the page opens something when it is clicked. */
  interactive: boolean;
  /** Yours, handed to the page as it is. */
  data: Record<string, unknown>;
  /** @deprecated Clients ignore it. Kept because stored rows may hold it. */
  preview?: string | undefined;
};
