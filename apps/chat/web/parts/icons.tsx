/** The page's icons, drawn with the current colour. They are decoration: the buttons carry the words. */
import type { ReactNode } from 'react';

const icon = (children: ReactNode) => () => (
  <svg
    viewBox="0 0 20 20"
    width="18"
    height="18"
    fill="none"
    stroke="currentColor"
    strokeWidth="1.6"
    strokeLinecap="round"
    strokeLinejoin="round"
    aria-hidden="true"
  >
    {children}
  </svg>
);

export const OfflineIcon = icon(
  <>
    <path d="M3 8.2a10.6 10.6 0 0 1 4.2-2.5M17 8.2a10.4 10.4 0 0 0-6-2.9M6 11.5a6.3 6.3 0 0 1 3-1.7M14 11.5l-.5-.5" />
    <path d="M3.5 3.5l13 13" />
    <circle cx="10" cy="15.2" r="0.7" fill="currentColor" />
  </>,
);
export const ClockIcon = icon(
  <>
    <circle cx="10" cy="10" r="6.5" />
    <path d="M10 6.3V10l2.6 1.6" />
  </>,
);
export const MenuIcon = icon(<path d="M3.5 6h13M3.5 10h13M3.5 14h8" />);
export const CloseIcon = icon(<path d="m5 5 10 10M15 5 5 15" />);
export const NewIcon = icon(<path d="M10 4v12M4 10h12" />);
export const ClipIcon = icon(
  <path d="M15.8 9.3l-5.9 5.9a3.6 3.6 0 0 1-5.1-5.1l6.4-6.4a2.4 2.4 0 0 1 3.4 3.4l-6.2 6.2a1.2 1.2 0 0 1-1.7-1.7l5.5-5.5" />,
);
export const SendIcon = icon(<path d="M10 16V4.5M5 9.2l5-5 5 5" />);
export const StopIcon = icon(<rect x="5.5" y="5.5" width="9" height="9" rx="1.5" fill="currentColor" stroke="none" />);
export const CopyIcon = icon(
  <>
    <rect x="7" y="7" width="9" height="9" rx="2" />
    <path d="M4 12.5V6a2 2 0 0 1 2-2h6.5" />
  </>,
);
export const CheckIcon = icon(<path d="m4.5 10.5 3.6 3.6 7.4-8" />);
export const PencilIcon = icon(<path d="M12.6 4.6l2.8 2.8L7.2 15.6l-3.4.6.6-3.4z" />);
export const TrashIcon = icon(<path d="M4.5 6h11M8 6V4.5h4V6M6 6l.6 9.5h6.8L14 6M8.6 9v3.8M11.4 9v3.8" />);
export const RetryIcon = icon(<path d="M15.5 10a5.5 5.5 0 1 1-1.7-4M15.8 3.6v3h-3" />);
export const DownIcon = icon(<path d="M10 4.5v11M5.5 11l4.5 4.5 4.5-4.5" />);
export const SunIcon = icon(
  <>
    <circle cx="10" cy="10" r="3.2" />
    <path d="M10 2.8v1.6M10 15.6v1.6M2.8 10h1.6M15.6 10h1.6M4.9 4.9 6 6M14 14l1.1 1.1M4.9 15.1 6 14M14 6l1.1-1.1" />
  </>,
);
export const MoonIcon = icon(<path d="M16 11.6A6.4 6.4 0 0 1 8.4 4a6.4 6.4 0 1 0 7.6 7.6z" />);
export const SearchIcon = icon(
  <>
    <circle cx="9" cy="9" r="4.8" />
    <path d="m12.6 12.6 3.6 3.6" />
  </>,
);
export const ThoughtIcon = icon(
  <path d="M10 3.5a4.8 4.8 0 0 1 2.6 8.8c-.5.4-.8.9-.8 1.5v.4H8.2v-.4c0-.6-.3-1.1-.8-1.5A4.8 4.8 0 0 1 10 3.5zM8.6 16.7h2.8" />,
);
export const ChevronIcon = icon(<path d="m7.5 5 5 5-5 5" />);
export const PageIcon = icon(<path d="M3.5 5h13v10h-13zM3.5 8h13M5.6 6.5h.01" />);
export const QuestionIcon = icon(
  <>
    <path d="M7.6 7.6a2.4 2.4 0 1 1 3.5 2.1c-.7.4-1.1.8-1.1 1.6" />
    <path d="M10 14h.01" />
    <circle cx="10" cy="10" r="7" />
  </>,
);
export const DocumentIcon = icon(<path d="M6 3.5h5.5L15 7v9.5H6zM11.2 3.7v3.6h3.6M8.4 10.5h4M8.4 13.2h4" />);
export const WireIcon = icon(<path d="M2.5 10h3l2-5.5 4.5 11 2-5.5h3.5" />);
export const ScissorsIcon = icon(
  <>
    <circle cx="5.5" cy="5.8" r="2" />
    <circle cx="5.5" cy="14.2" r="2" />
    <path d="M7.2 7 16 14M7.2 13 16 6" />
  </>,
);
export const PlugIcon = icon(<path d="M7.5 3v4M12.5 3v4M5 7h10v2.5a5 5 0 0 1-10 0zM10 14.5V17" />);
