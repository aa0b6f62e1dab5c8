/** A model that says what the test says, when the test says it. */
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface SlowModel {
  /** What makes the demo ask it. */
  readonly env: Record<string, string>;
  /** How many answers it was asked for. */
  readonly asked: number;
  /** Goes on with the answer that was asked for last; waits until one was. */
  say(text: string): Promise<void>;
  end(): Promise<void>;
  /** Breaks off what it is saying. */
  reset(): void;
  close(): void;
}

export const startSlowModel = async (): Promise<SlowModel> => {
  let asked = 0;
  let response: ServerResponse | undefined;
  let onAsked: (() => void)[] = [];
  const server = createServer((request, answer) => {
    request.resume();
    request.on('end', () => {
      asked += 1;
      answer.writeHead(200, { 'content-type': 'text/event-stream' });
      answer.on('close', () => {
        if (response === answer) response = undefined;
      });
      response = answer;
      for (const goOn of onAsked) goOn();
      onAsked = [];
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const current = async (): Promise<ServerResponse> => {
    while (response === undefined) await new Promise<void>((resolve) => onAsked.push(resolve));
    return response;
  };
  return {
    env: { OPENAI_API_KEY: 'test', OPENAI_BASE_URL: `http://127.0.0.1:${port}/v1`, OPENAI_MODEL: 'slow' },
    get asked() {
      return asked;
    },
    async say(content) {
      (await current()).write(`data: ${JSON.stringify({ choices: [{ index: 0, delta: { content } }] })}\n\n`);
    },
    async end() {
      (await current()).end('data: [DONE]\n\n');
      response = undefined;
    },
    reset() {
      response?.destroy();
      response = undefined;
    },
    close() {
      server.closeAllConnections();
      server.close();
    },
  };
};
