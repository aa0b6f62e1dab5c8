/**
 * The frames that tabs pass to each other: whole SSE frames, each with the offset before it, so that a tab notices a
 * gap. Nothing here looks into a frame's data.
 */
import { maxEventBytes } from './run-body.ts';

/** One frame of a run's body, as text. */
export interface SharedFrame {
  /** The frame's offset; a heartbeat has none. */
  readonly id: string | undefined;
  /** The offset that the body had reached before this frame. */
  readonly after: string | undefined;
  readonly text: string;
}

/** The frames that a leader has sent, kept for tabs that join later. */
export interface KeptFrames {
  keep(frame: SharedFrame): void;
  /** The frames after an offset; `undefined` if they are no longer kept, or the offset is not the end of a frame. */
  behind(after: string | undefined): readonly SharedFrame[] | undefined;
}

/** Keeps the frames after the offset `from`. Once they exceed `maxLength` UTF-16 code units, none are kept any more. */
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
      // A frame may merge several events, so one can only continue after an offset at which a frame ended.
      const at = after === undefined ? -1 : frames.findLastIndex(({ id }) => id === after);
      return at === -1 ? undefined : frames.slice(at + 1);
    },
  };
};

/**
 * Splits a body into frames. Only LF line ends are handled: our server writes those, and only our server has runs to
 * share. What is longer than any client takes is passed on as it is, for each client to refuse.
 */
export const readFrames = async (
  reader: ReadableStreamDefaultReader<Uint8Array>,
  onFrame: (id: string | undefined, text: string) => void,
): Promise<void> => {
  const decoder = new TextDecoder();
  let text = '';
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    const frames = (text + decoder.decode(value, { stream: true })).split('\n\n');
    text = frames.pop() ?? '';
    for (const frame of frames) onFrame(/^id: ?(.*)$/m.exec(frame)?.[1], `${frame}\n\n`);
    if (text.length > maxEventBytes) {
      onFrame(undefined, text);
      text = '';
    }
  }
};
