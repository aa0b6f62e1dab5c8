export const question = 'Smoothing: an answer is cut off in the middle of a word; what is shown of “hello wor”';
export const needs = ['smooth'];
export async function run(toolkit) {
  let out = '';
  for await (const piece of toolkit.smooth(['hello wor'].values(), { isCut: true })) out += piece;
  return { ok: out === 'hello wor', seen: `“${out}”` };
}
