/** Attachments: files that belong to a message, and how a client uploads their bytes. */

/** A file of a message, discriminated by `type`. */
export type Attachment = FileAttachment | ImageAttachment;

/** The fields of every attachment. */
type AttachmentBase = {
  id: string;
  /** The name of the file. */
  name: string;
  mime_type: string;
  /**
   * Where the client uploads the bytes. Absent once they have been uploaded, or if they came with the request that
   * created the attachment.
   */
  upload_descriptor?: UploadDescriptor | undefined;
  /** The thread of the message that holds it; absent until that message is stored. */
  thread_id?: string | undefined;
  /** For your own use: stored, never sent to a client. */
  metadata?: Record<string, unknown> | undefined;
};

/** A file, shown by its name. */
export type FileAttachment = AttachmentBase & {
  type: 'file';
};

/** An image, shown as one. */
export type ImageAttachment = AttachmentBase & {
  type: 'image';
  /** An image that a browser can show: a URL, or a `data:` URL. */
  preview_url: string;
};

/** The request by which a client uploads the bytes. */
export type UploadDescriptor = {
  url: string;
  method: 'POST' | 'PUT';
  headers: Record<string, string>;
};
