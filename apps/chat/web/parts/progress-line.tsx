import { DocumentIcon, SearchIcon, ThoughtIcon } from './icons.tsx';

/** What the assistant does before it writes. The live region of the page reads it out, so this one is silent. */
export const ProgressLine = ({ text, icon }: { text: string; icon?: string | undefined }) => (
  <span className="progress" data-testid="progress">
    {icon === 'search' ? <SearchIcon /> : icon === 'thought' ? <ThoughtIcon /> : <DocumentIcon />}
    <span className="shimmer">{text}</span>
  </span>
);
