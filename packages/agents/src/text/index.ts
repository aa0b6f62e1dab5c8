// From any stream of text: an async iterable or web stream of strings, or a stream of the `openai` package.

export { type SmoothTextOptions, smoothText } from './smooth-text.ts';
export { type StreamTextResponseOptions, streamTextResponse, type TextSource } from './stream-text-response.ts';
export { withProgress } from './with-progress.ts';
