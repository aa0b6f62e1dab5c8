import { useTheme } from '../hooks/use-theme.ts';
import { breaking, type Suggestion, suggestions, themeWish } from '../suggestions.ts';
import { ScissorsIcon } from './icons.tsx';

interface EmptyStateProps {
  onAsk: (question: string) => void;
  onShowWire: () => void;
}

/** What a new conversation shows: what this is, and questions to begin with. */
export const EmptyState = ({ onAsk, onShowWire }: EmptyStateProps) => {
  const [theme] = useTheme();
  const onBreak = () => {
    onShowWire();
    onAsk(breaking.question);
  };
  return (
    <div className="empty">
      <h2>Ask something, then break it</h2>
      <p>
        ChatKit for TypeScript streams AI chat that survives a lost network, a reload and a killed server. Here an agent
        answers from the project's own documentation.
      </p>
      <ul aria-label="Suggested questions">
        <li className="first">
          <Choice suggestion={breaking} onChoose={onBreak} />
          <ScissorsIcon />
        </li>
        {[...suggestions, themeWish(theme)].map((suggestion) => (
          <li key={suggestion.question}>
            <Choice suggestion={suggestion} onChoose={() => onAsk(suggestion.question)} />
          </li>
        ))}
      </ul>
    </div>
  );
};

const Choice = ({ suggestion, onChoose }: { suggestion: Suggestion; onChoose: () => void }) => (
  <button type="button" onClick={onChoose}>
    {suggestion.question}
    <small>{suggestion.hint}</small>
  </button>
);
