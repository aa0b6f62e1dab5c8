/** The types of annotations (citations) and of the sources that they point at. */

/** A mark in an answer's text that points at a source: a citation. */
export type Annotation = {
  type: 'annotation';
  source: Source;
  /** The character position in the text of its part. Absent: the annotation belongs to the whole part. */
  index?: number | undefined;
};

/** A file, a web page, or an entity of the application; discriminated by `type`. */
export type Source = FileSource | UrlSource | EntitySource;

/** The fields of every source. */
type SourceBase = {
  title: string;
  description?: string | undefined;
  /** When the source was made or changed. Shown as given. */
  timestamp?: string | undefined;
  /** Sources with the same group are listed together under this heading. */
  group?: string | undefined;
};

/** A file that the assistant used. */
export type FileSource = SourceBase & {
  type: 'file';
  filename: string;
};

/** A web page that the assistant used. */
export type UrlSource = SourceBase & {
  type: 'url';
  url: string;
  /** Who published it, for example the name of the site. */
  attribution?: string | undefined;
};

/** An entity of the application: a customer, an order, a ticket. */
export type EntitySource = SourceBase & {
  type: 'entity';
  /** Your id of it. */
  id: string;
  icon?: string | undefined;
  /** Shown beside the icon on hover, unless the page provides a preview of its own. */
  label?: string | undefined;
  /** The text of the citation mark. Default: only the icon. */
  inline_label?: string | undefined;
  /** Whether the page opens something when it is clicked. */
  interactive: boolean;
  /** For your own use; passed to the page unchanged. */
  data: Record<string, unknown>;
  /** @deprecated Clients ignore it. Kept because stored rows may hold it. */
  preview?: string | undefined;
};
