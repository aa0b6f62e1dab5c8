/** Finds and reads the Markdown that the demo answers from. */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { MarkdownDocument } from './split-passages.ts';

/**
 * README, CONTRIBUTING, PROTOCOL, everything under `docs`, and the READMEs of packages and apps. What is missing is
 * left out: a checkout without docs still has a demo.
 */
export const readDocuments = async (root: string): Promise<MarkdownDocument[]> => {
  const paths = [
    'README.md',
    'PROTOCOL.md',
    'CONTRIBUTING.md',
    ...(await markdownUnder(root, 'docs')),
    ...(await readmesUnder(root, 'packages')),
    ...(await readmesUnder(root, 'apps')),
  ];
  const documents = await Promise.all(
    paths.map(async (path) => ({ path, text: await readFile(join(root, path), 'utf8').catch(() => undefined) })),
  );
  return documents.filter((each): each is MarkdownDocument => each.text !== undefined);
};

const markdownUnder = async (root: string, folder: string): Promise<string[]> => {
  const entries = await readdir(join(root, folder), { recursive: true }).catch(() => []);
  return entries
    .map((entry) => `${folder}/${entry.replaceAll('\\', '/')}`)
    .filter((path) => path.endsWith('.md') && !path.includes('/node_modules/'))
    .sort();
};

const readmesUnder = async (root: string, folder: string): Promise<string[]> => {
  const names = await readdir(join(root, folder)).catch(() => []);
  return names.sort().map((name) => `${folder}/${name}/README.md`);
};
