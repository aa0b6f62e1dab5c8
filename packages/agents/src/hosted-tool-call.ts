/** Hosted tools, which the model provider's servers run: reads their calls and describes them. */
import type { FileTask, Task, UrlSource, WebSearchTask } from '@chatkit/core';
import { field, listField, textField } from './agent-run.ts';

/** A call, as it begins or as it has ended. */
export interface HostedToolCall {
  /** For example `web_search_call`, `file_search_call`, `code_interpreter_call` or `mcp_call`. */
  readonly type: string;
  readonly state: 'running' | 'completed' | 'failed';
  /** The latest version of the item from the Responses API: queries and results come when the call ends. */
  readonly item: unknown;
}

/** Reads an item of a response; `undefined` if it is not a call of a hosted tool. */
export const readHostedToolCall = (item: unknown, when: 'added' | 'done'): HostedToolCall | undefined => {
  const type = textField(item, 'type');
  if (type === undefined || !hostedTypes.has(type)) return undefined;
  if (when === 'added') return { type, state: 'running', item };
  const status = textField(item, 'status');
  const hasFailed = status === 'failed' || status === 'incomplete' || (field(item, 'error') ?? undefined) !== undefined;
  return { type, state: hasFailed ? 'failed' : 'completed', item };
};

/** `image_generation_call` is not among them, because its result is a separate item. */
const hostedTypes: ReadonlySet<string> = new Set([
  'web_search_call',
  'file_search_call',
  'code_interpreter_call',
  'mcp_call',
  'mcp_list_tools',
  'computer_call',
  'shell_call',
]);

/**
 * Describes a call as a task without using any language: by search queries and names of tools. `undefined` for calls
 * that have neither.
 */
export const describeHostedTool = ({ type, state, item }: HostedToolCall): Task | undefined => {
  const status_indicator = indicators[state];
  switch (type) {
    case 'web_search_call':
      return { type: 'web_search', status_indicator, ...readWebSearch(field(item, 'action')) };
    case 'file_search_call':
      return { type: 'file', status_indicator, ...readFileSearch(item) };
    case 'code_interpreter_call':
      return { type: 'custom', status_indicator, title: 'Code interpreter' };
    case 'mcp_call': {
      const names = [textField(item, 'server_label'), textField(item, 'name')].filter((name) => name);
      return { type: 'custom', status_indicator, title: names.join(': ') || 'MCP' };
    }
    default:
      return undefined;
  }
};

const indicators = { running: 'loading', completed: 'complete', failed: 'none' } as const;

/** A search has queries; a page that was opened or searched is a source. */
const readWebSearch = (action: unknown): Omit<WebSearchTask, 'type' | 'status_indicator'> => {
  const [query] = [textField(action, 'query'), textField(action, 'pattern')].filter((text) => text);
  const queries = textsOf(listField(action, 'queries'));
  const all = queries.length === 0 && query !== undefined ? [query] : queries;
  const links = [textField(action, 'url'), ...listField(action, 'sources').map((each) => textField(each, 'url'))];
  const title_query = query ?? all[0];
  return {
    ...(title_query === undefined ? {} : { title_query }),
    queries: all,
    sources: [...new Set(links)].map(toUrlSource).filter((source) => source !== undefined),
  };
};

const readFileSearch = (item: unknown): Omit<FileTask, 'type' | 'status_indicator'> => {
  const title = textsOf(listField(item, 'queries')).join(', ');
  const names = textsOf(listField(item, 'results').map((result) => textField(result, 'filename')));
  return {
    ...(title === '' ? {} : { title }),
    sources: [...new Set(names)].map((filename) => ({ type: 'file', title: filename, filename })),
  };
};

const textsOf = (values: readonly unknown[]): string[] =>
  values.filter((value) => typeof value === 'string' && value !== '') as string[];

/** A link that the user may follow. Other schemes (`oai-weather`, `javascript:`) are dropped. */
const toUrlSource = (url: string | undefined): UrlSource | undefined => {
  if (url === undefined || !URL.canParse(url)) return undefined;
  const { protocol, host } = new URL(url);
  return protocol === 'https:' || protocol === 'http:' ? { type: 'url', title: host, url } : undefined;
};
