import { suggestions } from '../suggestions.ts';

/** What a new conversation shows: what this is, and questions to begin with. */
export const EmptyState = ({ onAsk }: { onAsk: (question: string) => void }) => (
  <div className="empty">
    <h2>Ask this project about itself</h2>
    <p>Answers come from its own documentation, found on this machine and streamed as they are written.</p>
    <ul aria-label="Suggested questions">
      {suggestions.map((question) => (
        <li key={question}>
          <button type="button" onClick={() => onAsk(question)}>
            {question}
          </button>
        </li>
      ))}
    </ul>
  </div>
);
