/** So many statements at a time, and so many that wait; what wakes somebody never waits behind what somebody looks up. */
import { QueryError } from './query-error.ts';

export interface TurnLimits {
  running: number;
  waiting: number;
  /** Of those that run, so many are kept for urgent ones. @default 0 */
  urgent?: number;
  /** Of the others, so many for one source at most. @default as many as run */
  perSource?: number;
}

export interface Turn {
  /** Who asks: what one source asks for does not keep another one waiting. */
  source?: string;
  isUrgent?: boolean;
}

interface Waiting extends Required<Turn> {
  go: () => void;
}

/** @throws QueryError when as many wait as may */
export function turnstile({ running: most, waiting: mostWaiting, urgent = 0, perSource = most }: TurnLimits) {
  const waiting: Waiting[] = [];
  const bySource = new Map<string, number>();
  let ordinary = 0;
  let urgents = 0;
  const mayRun = ({ source, isUrgent }: Required<Turn>): boolean => {
    if (ordinary + urgents >= most) return false;
    return isUrgent || (ordinary < most - urgent && (bySource.get(source) ?? 0) < perSource);
  };
  const count = ({ source, isUrgent }: Required<Turn>, by: 1 | -1): void => {
    if (isUrgent) urgents += by;
    else {
      ordinary += by;
      const left = (bySource.get(source) ?? 0) + by;
      if (left === 0) bySource.delete(source);
      else bySource.set(source, left);
    }
  };
  const letIn = (): void => {
    for (let next = waiting.findIndex(mayRun); next >= 0; next = waiting.findIndex(mayRun)) {
      const [turn] = waiting.splice(next, 1) as [Waiting];
      count(turn, 1);
      turn.go();
    }
  };
  return async <T>(work: () => Promise<T>, { source = '', isUrgent = false }: Turn = {}): Promise<T> => {
    const turn = { source, isUrgent };
    if (mayRun(turn)) count(turn, 1);
    else {
      if (waiting.length >= mostWaiting)
        throw new QueryError('MUSTER_QUERY_BUSY', `${mostWaiting} queries wait already; send this one again later`, {
          code: 202,
          name: 'TOO_MANY_SIMULTANEOUS_QUERIES',
        });
      await new Promise<void>((go) => waiting.push({ ...turn, go }));
    }
    try {
      return await work();
    } finally {
      count(turn, -1);
      letIn();
    }
  };
}
