/** Colours for code: comments, strings, numbers and keywords of the languages that documentation quotes. */

export type TokenKind = 'plain' | 'comment' | 'string' | 'number' | 'keyword' | 'name';

export interface Token {
  readonly kind: TokenKind;
  readonly text: string;
}

const keywords =
  'as async await break case catch class const continue default delete do else export extends false finally for from function if implements import in instanceof interface let new null of override return satisfies static super switch this throw true try type typeof undefined var void while yield';

const cLike = new RegExp(
  [
    String.raw`(?<comment>\/\/[^\n]*|\/\*[\s\S]*?(?:\*\/|$))`,
    String.raw`(?<string>'(?:\\.|[^'\\\n])*'?|"(?:\\.|[^"\\\n])*"?|${'`'}(?:\\.|[^${'`'}\\])*${'`'}?)`,
    String.raw`(?<number>\b\d[\d_.]*(?:e[+-]?\d+)?\b)`,
    String.raw`(?<keyword>\b(?:${keywords.replaceAll(' ', '|')})\b)`,
    String.raw`(?<name>\b[A-Za-z_$][\w$]*(?=\())`,
  ].join('|'),
  'g',
);

const shell =
  /(?<comment>(?<=^|\s)#[^\n]*)|(?<string>'[^'\n]*'?|"(?:\\.|[^"\\])*"?)|(?<keyword>(?<=^|[|;&]\s*)(?:[A-Z_]+=\S*\s+)*(?:npm|npx|node|curl|git|cd|export|docker|pip|python3?)\b)|(?<name>(?<=\s)--?[a-zA-Z][\w-]*)/gm;

const grammars: Readonly<Record<string, RegExp>> = {
  ...Object.fromEntries(
    ['ts', 'tsx', 'js', 'jsx', 'mjs', 'typescript', 'javascript', 'json', 'jsonc'].map((name) => [name, cLike]),
  ),
  ...Object.fromEntries(['sh', 'bash', 'shell', 'console'].map((name) => [name, shell])),
};

/** Cuts code into coloured pieces; joined they are the code. An unknown language is one plain piece. */
export const highlight = (code: string, language: string): Token[] => {
  const grammar = grammars[language];
  if (grammar === undefined) return [{ kind: 'plain', text: code }];
  const tokens: Token[] = [];
  let at = 0;
  for (const match of code.matchAll(grammar)) {
    if (match[0] === '') continue;
    if (match.index > at) tokens.push({ kind: 'plain', text: code.slice(at, match.index) });
    const kind = Object.entries(match.groups ?? {}).find(([, text]) => text !== undefined)?.[0] ?? 'plain';
    tokens.push({ kind: kind as TokenKind, text: match[0] });
    at = match.index + match[0].length;
  }
  if (at < code.length) tokens.push({ kind: 'plain', text: code.slice(at) });
  return tokens;
};
