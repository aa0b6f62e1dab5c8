/**
 * Whether a key belongs to an input method (Japanese, Chinese, …): Enter then chooses a word, Escape takes one back.
 * Safari ends the composition before it tells of the key that ended it, and marks that key with the code 229 alone.
 */
export const isComposing = ({ isComposing, keyCode }: KeyboardEvent): boolean => isComposing || keyCode === 229;
