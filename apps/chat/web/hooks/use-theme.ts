import { useCallback, useSyncExternalStore } from 'react';

export type Theme = 'light' | 'dark';

const system = matchMedia('(prefers-color-scheme: dark)');
const listeners = new Set<() => void>();

const chosen = (): Theme | undefined => {
  const { theme } = document.documentElement.dataset;
  return theme === 'light' || theme === 'dark' ? theme : undefined;
};

const subscribe = (listener: () => void) => {
  listeners.add(listener);
  system.addEventListener('change', listener);
  return () => {
    listeners.delete(listener);
    system.removeEventListener('change', listener);
  };
};

/** The bar of a phone's browser follows the page, which need not follow the system. */
const tintBar = (theme: Theme): void => {
  for (const meta of document.querySelectorAll<HTMLMetaElement>('meta[name="theme-color"]'))
    meta.media = meta.dataset['theme'] === theme ? 'all' : 'not all';
};

const remembered = chosen();
if (remembered !== undefined) tintBar(remembered);

/** Chooses a theme for this page and the next visit. */
export const setTheme = (theme: Theme): void => {
  document.documentElement.dataset['theme'] = theme;
  tintBar(theme);
  try {
    localStorage.setItem('theme', theme);
  } catch {
    // Then it lasts as long as the page.
  }
  for (const listener of listeners) listener();
};

/** The theme in use, and a switch. A choice is remembered; without one the system decides. */
export const useTheme = (): [Theme, () => void] => {
  const theme = useSyncExternalStore(subscribe, () => chosen() ?? (system.matches ? 'dark' : 'light'));
  const toggle = useCallback(() => setTheme(theme === 'dark' ? 'light' : 'dark'), [theme]);
  return [theme, toggle];
};
