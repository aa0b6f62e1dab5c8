/** Answers to what is not a question about the project. */
import type { PassageIndex } from '../knowledge/passage-index.ts';
import type { SmallTalk } from '../knowledge/small-talk.ts';
import { type Answer, topicsOf } from './compose-answer.ts';

/** A friendly answer that says what this assistant is for. */
export const answerSmallTalk = (talk: SmallTalk, index: PassageIndex): Answer => {
  const topics = topicsOf(index, 5);
  const list = topics.length === 0 ? '' : `\n\n${topics.map((each) => `- ${each}`).join('\n')}`;
  const about = `I answer questions about this project from its own Markdown: ${index.size} passages from ${index.documents.length} files, searched on this machine. There is no model behind me and nothing leaves your computer.`;
  const abilities = [
    'ask “Which packages are there?” for a list that you can click,',
    'ask for the dark or the light theme, which this page then changes,',
    'ask me to forget this conversation, which needs your approval.',
  ];
  const text = {
    greeting: `Hello! ${about} Ask me about one of these, for example:${list}`,
    about_answers: `No model writes what you read here: a small program looks for passages of this project's documentation, on this machine, and quotes them with their source. So nothing is made up, but what is not written there I cannot tell. Only with \`OPENAI_API_KEY\` set a model is called, and then it writes the answers.`,
    about_me: `${about} Besides that you can\n\n${abilities.map((each) => `- ${each}`).join('\n')}\n\nWith \`OPENAI_API_KEY\` set, the same agent runs on a real model, with the same tools.`,
    thanks: 'You are welcome. Is there anything else you would like to know?',
    off_task: `That is beyond me: there is no model here, only a search in this project's Markdown, whose passages I quote. With \`OPENAI_API_KEY\` set, the same agent runs on a real model.`,
    anger:
      'I am sorry to hear that. “What is missing?” has what this project cannot do, and other words often find more: I only quote its documentation.',
    farewell: 'Goodbye! The conversation stays in the list, if you want to come back to it.',
  }[talk];
  return { text: topics.length === 0 ? text.replace(/ Ask me about.*:$/, '') : text, citations: [] };
};
