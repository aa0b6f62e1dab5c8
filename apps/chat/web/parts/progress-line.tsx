import { DocumentIcon, SearchIcon } from './icons.tsx';

/** What the assistant does before it writes. The live region of the page reads it out, so this one is silent. */
export const ProgressLine = ({ text, icon }: { text: string; icon?: string | undefined }) => (
  <p className="progress" data-testid="progress">
    {icon === 'search' ? <SearchIcon /> : <DocumentIcon />}
    <span className="shimmer">{text}</span>
  </p>
);
