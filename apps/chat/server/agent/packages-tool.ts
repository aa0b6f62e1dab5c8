/** A tool that shows a widget: the packages of the project, each a row that can be clicked. */
import type { WidgetRoot } from '@chatkit/core';
import { action, caption, col, listView, listViewItem, text } from '@chatkit/core/widgets';
import { type RunContext, tool } from '@openai/agents';
import { z } from 'zod';
import type { MarkdownDocument } from '../knowledge/split-passages.ts';
import { contextOf, type DemoContext } from './demo-context.ts';

/** A package of the project. */
export interface PackageEntry {
  readonly name: string;
  /** The first sentence of its README. */
  readonly summary: string;
}

export const SHOW_PACKAGES = 'show_packages';
/** The action of a row; its payload is `{name}`. */
export const OPEN_PACKAGE = 'package.open';

/** The packages that have a README, by name. */
export const packagesOf = (documents: readonly MarkdownDocument[]): PackageEntry[] =>
  documents.flatMap(({ path, text: markdown }) => {
    if (!/^packages\/[^/]+\/README\.md$/.test(path)) return [];
    const [, name, first = ''] =
      /^# (\S+)\s+([^#|`>-][\s\S]*?)(?:\n\n|$)/.exec(markdown.replaceAll('\r\n', '\n')) ?? [];
    return name === undefined ? [] : [{ name, summary: firstSentence(first) }];
  });

/** Makes the tool. */
export const createPackagesTool = (documents: readonly MarkdownDocument[]) => {
  const packages = packagesOf(documents);
  return tool({
    name: SHOW_PACKAGES,
    description:
      'Shows the user the list of the project’s packages as a widget that can be clicked. Returns their names. Say one sentence afterwards; do not repeat the list.',
    parameters: z.object({}),
    async execute(_input, run: RunContext<DemoContext> | undefined) {
      if (packages.length > 0)
        await contextOf(run).streamWidget(packageList(packages), { copyText: packages.map(toLine).join('\n') });
      return JSON.stringify(packages.map(({ name }) => name));
    },
  });
};

const packageList = (packages: readonly PackageEntry[]): WidgetRoot =>
  listView({
    children: packages.map(({ name, summary }) =>
      listViewItem({
        key: name,
        onClickAction: action(OPEN_PACKAGE, { name }, { loadingBehavior: 'self' }),
        children: [col({ gap: 1, children: [text({ value: name, weight: 'semibold' }), caption({ value: summary })] })],
      }),
    ),
  });

const toLine = ({ name, summary }: PackageEntry): string => `${name}: ${summary}`;

const firstSentence = (markdown: string): string => {
  const plain = markdown
    .replace(/\[([^\]]*)\]\([^)]*\)/g, '$1')
    .replace(/[`*]/g, '')
    .replace(/\s+/g, ' ')
    .trim();
  return /^.*?[.:!?](?= |$)/.exec(plain)?.[0].replace(/:$/, '.') ?? plain;
};
