/** From text to search terms: the same way for passages and for questions. */

const stopWords = new Set(
  `a about an and any are as at be been but by can could do does for from had has have how i if in into is it its
  just me my of on or our please say should so some tell than that the their them then there these they this those to
  us was we were what when where which who why will with would you your work works happen happens use uses used using
  mean means not need needs like many much get gets make makes no yes there here explain give know want show few line lines small short
  simple example examples handled am im ive whats hows wheres dont doesnt cant isnt whether support supports supported possible add really
  actually without also code go goes going one other another across already anything something existing own made wat pls plz thx pressed usage per hwo whta`.split(
    /\s+/,
  ),
);

/**
 * The terms of a text, in order, repeats included: lower case, without stop words, reduced to a stem. Names in camel
 * case give the whole name and its parts: `createChatServer` → `createchatserver`, `creat`, `chat`, `server`.
 */
export const termsOf = (text: string): string[] =>
  (text.replace(/[’'](?:s\b)?/g, '').match(/[\p{L}\p{N}]+/gu) ?? [])
    .flatMap((word) => {
      const parts = word.match(/\p{Lu}?\p{Ll}+|\p{Lu}+(?!\p{Ll})|\p{N}+/gu) ?? [];
      return parts.length > 1 ? [word, ...parts] : [word];
    })
    .map((word) => word.toLowerCase())
    .filter((word) => word.length > 1 && !stopWords.has(word))
    .map(stem);

/** The words of a text that a search goes by, as they were written, each once. */
export const keywordsOf = (text: string): string[] => [
  ...new Set((text.match(/[\p{L}\p{N}@/_()'’-]+/gu) ?? []).filter((word) => termsOf(word).length > 0)),
];

/** A light stemmer: enough that "stopping", "stopped" and "stops" meet, and nothing that needs a dictionary. */
export const stem = (word: string): string => {
  if (word.length <= 3 || /\d/.test(word)) return word;
  let stemmed = word.replace(/ies$/, 'y').replace(/(?<=[^suai])s$|(?<=[sxzh])es$/, '');
  if (stemmed.length > 5) stemmed = stemmed.replace(/(?:ation|ing|ment)$/, '');
  if (stemmed.length > 4) stemmed = stemmed.replace(/(?<=[aeiouy].*)ed$/, '');
  if (stemmed.length > 4) stemmed = stemmed.replace(/e$/, '');
  return stemmed.replace(/([bcdfgklmnprtz])\1$/, '$1');
};
