/** A provider of messages on this machine: answers in the shapes of the real ones, as a test wants it, and remembers what it was asked. */
import { createServer, type IncomingMessage } from 'node:http';

export interface ProviderCall {
  method: string;
  path: string;
  headers: IncomingMessage['headers'];
  body: string;
}

export interface ProviderAnswer {
  status: number;
  body: string;
  headers?: Record<string, string>;
  /** Milliseconds that it takes; `never` hangs. */
  after?: number | 'never';
}

export async function providerServer(answer: (call: ProviderCall) => ProviderAnswer) {
  const calls: ProviderCall[] = [];
  const server = createServer(async (request, response) => {
    let body = '';
    for await (const chunk of request) body += chunk;
    const call = { method: request.method ?? '', path: request.url ?? '', headers: request.headers, body };
    calls.push(call);
    const { status, body: text, headers, after = 0 } = answer(call);
    if (after === 'never') return;
    setTimeout(() => response.writeHead(status, headers).end(text), after);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  return {
    url: `http://127.0.0.1:${typeof address === 'object' && address ? address.port : 0}`,
    calls,
    async stop() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
