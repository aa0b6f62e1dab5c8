import { ClockIcon, DocumentIcon, OfflineIcon, SearchIcon, ThoughtIcon } from './icons.tsx';

const icons = { search: SearchIcon, thought: ThoughtIcon, offline: OfflineIcon, clock: ClockIcon };

/** What the assistant does before it writes. The live region of the page reads it out, so this one is silent. */
export const ProgressLine = ({ text, icon }: { text: string; icon?: string | undefined }) => {
  const Icon = icons[icon as keyof typeof icons] ?? DocumentIcon;
  return (
    <span className="progress" data-testid="progress">
      <Icon />
      <span className="shimmer">{text}</span>
    </span>
  );
};
