/** The snapshot that React compares with a server's HTML. */
import { type ChatClient, type ChatSnapshot, emptySnapshot } from '@chatkit/client';

/**
 * On a server, the client's snapshot at that time. In a page that is being hydrated, that of an empty chat: by the time
 * that a part of the page is hydrated its chat may have gone on, but the HTML is still the server's. The price: a chat
 * that was loaded on the server is rendered anew in the page.
 */
export const hydrationSnapshot = (client: ChatClient): ChatSnapshot =>
  typeof document === 'undefined' ? client.getSnapshot() : emptySnapshot;
