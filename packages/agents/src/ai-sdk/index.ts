// From the AI SDK (`ai` 7): `streamText().fullStream` or a UI message stream to ChatKit events, and items to messages.

export { type StreamAiResponseOptions, streamAiResponse } from './stream-ai-response.ts';
export { type ToModelMessagesOptions, toModelMessages } from './to-model-messages.ts';
