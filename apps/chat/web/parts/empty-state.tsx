import { useTheme } from '../hooks/use-theme.ts';
import { suggestions, themeWish } from '../suggestions.ts';

/** What a new conversation shows: what this is, and questions to begin with. */
export const EmptyState = ({ onAsk }: { onAsk: (question: string) => void }) => {
  const [theme] = useTheme();
  return (
    <div className="empty">
      <h2>Ask this project about itself</h2>
      <p>An agent searches its documentation, shows its work, and streams the answer as it is written.</p>
      <ul aria-label="Suggested questions">
        {[...suggestions, themeWish(theme)].map(({ question, hint }) => (
          <li key={question}>
            <button type="button" onClick={() => onAsk(question)}>
              {question}
              <small>{hint}</small>
            </button>
          </li>
        ))}
      </ul>
    </div>
  );
};
