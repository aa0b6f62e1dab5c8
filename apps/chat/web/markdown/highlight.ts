/** Colours for code: comments, strings, numbers and keywords of the languages that documentation quotes. */

export type TokenKind = 'plain' | 'comment' | 'string' | 'number' | 'keyword' | 'name';

export interface Token {
  readonly kind: TokenKind;
  readonly text: string;
}

const keywords =
  'as async await break case catch class const continue default delete do else export extends false finally for from function if implements import in instanceof interface let new null of override return satisfies static super switch this throw true try type typeof undefined var void while yield ' +
  // Of Go, Rust, Java, C# and Swift.
  'bool fn func go int match mod mut package pub private protected public struct string use using where';

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

const python =
  /(?<comment>#[^\n]*)|(?<string>[fr]?(?:"{3}[\s\S]*?(?:"{3}|$)|'{3}[\s\S]*?(?:'{3}|$)|"(?:\\.|[^"\\\n])*"?|'(?:\\.|[^'\\\n])*'?))|(?<number>\b\d[\d_.]*\b)|(?<keyword>\b(?:and|as|async|await|break|class|continue|def|del|elif|else|except|False|finally|for|from|if|import|in|is|lambda|None|not|or|pass|raise|return|True|try|while|with|yield)\b)|(?<name>\b[A-Za-z_]\w*(?=\())/g;

const sql =
  /(?<comment>--[^\n]*)|(?<string>'(?:''|[^'])*'?)|(?<number>\b\d[\d.]*\b)|(?<keyword>\b(?:alter|and|as|asc|by|create|delete|desc|distinct|drop|exists|from|group|having|in|index|insert|into|is|join|key|left|limit|not|null|on|or|order|primary|returning|select|set|table|union|update|values|where|with)\b)/gi;

const shell =
  /(?<comment>(?<=^|\s)#[^\n]*)|(?<string>'[^'\n]*'?|"(?:\\.|[^"\\])*"?)|(?<keyword>(?<=^|[|;&]\s*)(?:[A-Z_]+=\S*\s+)*(?:npm|npx|node|curl|git|cd|export|docker|pip|python3?)\b)|(?<name>(?<=\s)--?[a-zA-Z][\w-]*)/gm;

const grammars: Readonly<Record<string, RegExp>> = {
  ...Object.fromEntries(
    [
      'ts',
      'tsx',
      'js',
      'jsx',
      'mjs',
      'typescript',
      'javascript',
      'json',
      'jsonc',
      'go',
      'rust',
      'java',
      'c',
      'cpp',
      'csharp',
      'cs',
      'swift',
      'kotlin',
    ].map((name) => [name, cLike]),
  ),
  python,
  py: python,
  sql,
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
