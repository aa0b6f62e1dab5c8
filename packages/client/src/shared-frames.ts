/**
 * What the tabs pass on to each other: whole frames, each with the offset of the one before it, so that nobody takes one
 * after a gap. Nothing here knows what a frame says.
 */

/** One frame of a run's body, as text. */
export interface SharedFrame {
  /** Its offset; a heartbeat has none. */
  readonly id: string | undefined;
  /** The offset that the body had reached before it. */
  readonly after: string | undefined;
  readonly text: string;
}

/** The frames that a leader has handed out, for tabs that come later. */
export interface KeptFrames {
  keep(frame: SharedFrame): void;
  /** Those behind an offset; `undefined` when it cannot tell which those are, or no longer has them. */
  behind(after: string | undefined): readonly SharedFrame[] | undefined;
}

/** Keeps frames from the offset `from` on, until they are longer than `maxLength` UTF-16 units; then none. */
export const keepFrames = (from: string | undefined, maxLength: number): KeptFrames => {
  let frames: SharedFrame[] = [];
  let length = 0;
  return {
    keep(frame) {
      length += frame.text.length;
      if (length <= maxLength) frames.push(frame);
      else frames = [];
    },
    behind(after) {
      if (length > maxLength) return undefined;
      if (after === from) return frames;
      // A frame may be a merge of several events, so only an offset at which one ended is a place to go on from.
      const at = after === undefined ? -1 : frames.findLastIndex(({ id }) => id === after);
      return at === -1 ? undefined : frames.slice(at + 1);
    },
  };
};

/** Cuts a body into its frames. Our server ends lines with LF, and only a server of ours has runs to share. */
export const readFrames = async (
  reader: ReadableStreamDefaultReader<Uint8Array>,
  onFrame: (id: string | undefined, text: string) => void,
): Promise<void> => {
  const decoder = new TextDecoder();
  let text = '';
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    text += decoder.decode(value, { stream: true });
    for (let end = text.indexOf('\n\n'); end !== -1; end = text.indexOf('\n\n')) {
      const frame = text.slice(0, end + 2);
      text = text.slice(end + 2);
      onFrame(/^id: ?(.*)$/m.exec(frame)?.[1], frame);
    }
  }
};
