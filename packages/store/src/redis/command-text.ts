/**
 * A buffer in which the text of a Redis command is built as UTF-8 bytes. A concatenated string would be a rope of a
 * dozen pieces for each token, to be flattened out of cold memory when the command is sent. Almost all of the text is
 * ASCII and is copied character by character.
 */
const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { ignoreBOM: true });

/** Enough for one token of each run that is sent together. */
const usualBytes = 16 * 1024;
/** No UTF-16 unit takes more bytes in UTF-8. */
const mostBytesPerUnit = 3;

export class CommandText {
  private bytes = new Uint8Array(usualBytes);
  /** The length of the text, in bytes. */
  length = 0;

  /** Whether the buffer is small enough to be kept for the next command. */
  get isUsual(): boolean {
    return this.bytes.length <= 4 * usualBytes;
  }

  /** Adds a string. Lone surrogates become U+FFFD, as in any conversion to UTF-8. */
  text(value: string): void {
    const bytes = this.reserve(value.length * mostBytesPerUnit);
    let to = this.length;
    for (let at = 0; at < value.length; at += 1) {
      const unit = value.charCodeAt(at);
      if (unit > 0x7e) {
        this.length += encoder.encodeInto(value, bytes.subarray(this.length)).written;
        return;
      }
      bytes[to] = unit;
      to += 1;
    }
    this.length = to;
  }

  /** Adds a string as JSON, as `JSON.stringify` writes it. */
  json(value: string): void {
    const bytes = this.reserve(value.length + 2);
    let to = this.length + 1;
    for (let at = 0; at < value.length; at += 1) {
      const unit = value.charCodeAt(at);
      if (unit < 0x20 || unit > 0x7e || unit === quote || unit === backslash) {
        this.text(JSON.stringify(value));
        return;
      }
      bytes[to] = unit;
      to += 1;
    }
    bytes[this.length] = quote;
    bytes[to] = quote;
    this.length = to + 1;
  }

  /** Adds a non-negative integer. */
  number(value: number): void {
    const bytes = this.reserve(mostDigits);
    let digits = 1;
    for (let rest = value; rest >= 10; rest = Math.floor(rest / 10)) digits += 1;
    this.length += digits;
    for (let to = this.length - 1, rest = value; digits > 0; to -= 1, digits -= 1) {
      const next = Math.floor(rest / 10);
      bytes[to] = 48 + (rest - next * 10);
      rest = next;
    }
  }

  /** Removes the bytes between two positions. */
  cut(from: number, to: number): void {
    this.bytes.copyWithin(from, to, this.length);
    this.length -= to - from;
  }

  /** Returns the text and empties the buffer. */
  take(): string {
    const text = decoder.decode(this.bytes.subarray(0, this.length));
    this.length = 0;
    return text;
  }

  private reserve(more: number): Uint8Array {
    const needed = this.length + more;
    if (needed > this.bytes.length) {
      const bytes = new Uint8Array(Math.max(2 * this.bytes.length, needed));
      bytes.set(this.bytes.subarray(0, this.length));
      this.bytes = bytes;
    }
    return this.bytes;
  }
}

const quote = 0x22;
const backslash = 0x5c;
/** The digits of the largest safe integer. */
const mostDigits = 16;
