/** Requests of one connection, one after the other: sent ahead of their answers they cost the sender nothing, and all others the time. */
import type { RequestListener } from 'node:http';
import type { Socket } from 'node:net';

/** Requests that wait for those before them; a client that sends more ahead is let go. */
const MAX_AHEAD = 50;

/** Serves what comes on one connection in its order, each once the answer before it is out. */
export function inTurn(serve: RequestListener): RequestListener {
  const waiting = new WeakMap<Socket, (() => void)[]>();
  return (request, response) => {
    const { socket } = request;
    const ahead = waiting.get(socket);
    if (ahead === undefined) waiting.set(socket, []);
    else if (ahead.length >= MAX_AHEAD) {
      socket.destroy();
      return;
    }
    const begin = () => {
      response.once('close', () => {
        const next = waiting.get(socket)?.shift();
        // Others go first.
        if (next) setImmediate(next);
        else waiting.delete(socket);
      });
      serve(request, response);
    };
    if (ahead === undefined) begin();
    else ahead.push(begin);
  };
}
