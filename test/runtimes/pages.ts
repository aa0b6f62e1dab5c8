/** The tests of packages that run in a page, which vitest runs in Chromium alone. */
import '../../packages/client/test/readme.browser.test.ts';
import '../../packages/client/test/share-tabs.browser.test.ts';
import '../../packages/react/test/mounts.browser.test.tsx';
import '../../packages/react/test/readme.browser.test.ts';
import '../../packages/react/test/use-chat.browser.test.tsx';

export { runAll } from './mini-test.ts';
