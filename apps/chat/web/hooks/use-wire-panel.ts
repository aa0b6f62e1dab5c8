import { useState } from 'react';

const KEY = 'wire';

/** Whether the wire is shown. It stays so over a reload, which is one of the things to look at in it. */
export const useWirePanel = () => {
  const [isOpen, setOpen] = useState(read);
  const show = (next: boolean) => {
    setOpen(next);
    try {
      sessionStorage.setItem(KEY, next ? 'shown' : '');
    } catch {
      // Then it lasts as long as the page.
    }
  };
  return { isOpen, show };
};

const read = (): boolean => {
  try {
    return sessionStorage.getItem(KEY) === 'shown';
  } catch {
    return false;
  }
};
