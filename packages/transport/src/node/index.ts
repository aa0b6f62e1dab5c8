export { type WriteReplyOptions, writeReply } from './write-reply.ts';
