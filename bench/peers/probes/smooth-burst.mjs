export const question = 'Smoothing: 500 words are there at once; when is the last one shown';
export const needs = ['smooth'];
export async function run(toolkit) {
  const text = Array.from({ length: 500 }, (_, i) => `word${i} `);
  const begun = performance.now();
  let out = '';
  for await (const piece of toolkit.smooth(text.values())) out += piece;
  const ms = Math.round(performance.now() - begun);
  return { ok: ms < 1000 && out === text.join(''), seen: `${ms.toLocaleString('en')} ms` };
}
