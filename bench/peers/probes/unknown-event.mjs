import { verdict, watch } from './_answer.mjs';

export const question = 'A newer server sends an event that the client does not know';
export const needs = ['chat'];
export async function run(toolkit) {
  let done = false;
  const rewrite = (text) => {
    if (done || !text.includes('word9 ')) return text;
    done = true;
    return text.replace(/\n\n$/, '\n\ndata: {"type":"from-the-future","value":1}\n\n');
  };
  return verdict(await watch(toolkit, () => ({ rewrite })));
}
